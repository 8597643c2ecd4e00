"""Builds ``dubhe_sdk/spool/_stream_state.c`` into the wheel, or beside it for an editable one.

Without a compiler or Python's headers the wheel is one for all machines, and everything is done in
Python. ``DUBHE_ACCELERATOR`` in the environment of the build: ``no`` makes such a wheel in any
case, ``required`` fails the build instead; unset, it depends on the machine.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_VARIABLE = "DUBHE_ACCELERATOR"
_SOURCE = Path("dubhe_sdk", "spool", "_stream_state.c")
_BUILT = _SOURCE.with_suffix(".abi3.so")
# Stripped and without an id: the same sources give the same file.
_OPTIONS = ("-O2", "-fPIC", "-shared", "-s", "-Wl,--build-id=none", "-Wl,-z,relro,-z,now")


class Accelerator(BuildHookInterface[Any]):
    """Compiles one file. The limited API: the result serves every CPython from 3.10 on."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and have the result included."""
        wanted = os.environ.get(_VARIABLE, "")
        if wanted not in ("", "no", "required"):
            raise ValueError(f"{_VARIABLE} is {wanted!r}, expected no, required, or nothing")
        source = Path(self.root, _SOURCE).resolve()
        if version == "editable":
            target = source.with_name(_BUILT.name)
        else:
            self._folder = tempfile.TemporaryDirectory()
            target = Path(self._folder.name, _BUILT.name)
        if wanted == "no":
            target.unlink(missing_ok=True)
            return
        problem = _compile(source, target)
        if problem and wanted == "required":
            raise RuntimeError(f"{_SOURCE} was not built ({_VARIABLE}=required): {problem}")
        if problem:
            self.app.display_warning(f"without {_BUILT}, reports are slower: {problem}")
        elif version != "editable":
            build_data["force_include"][str(target)] = str(_BUILT)
            build_data["pure_python"] = False
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["tag"] = f"cp310-abi3-{platform}"


def _compile(source: Path, target: Path) -> str:
    """Return what went wrong; nothing if the file is there."""
    include = sysconfig.get_path("include")
    # The one that built the interpreter may have stayed where that was done.
    compilers = [os.environ.get("CC"), sysconfig.get_config_var("CC"), "cc"]
    given = [shlex.split(one) for one in compilers if one]
    compiler = next((one for one in given if shutil.which(one[0])), given[0])
    made = target.with_name(f".{target.name}.{os.getpid()}")  # others may use the one that is there
    command = [*compiler, *_OPTIONS, f"-I{include}", str(source), "-o", str(made)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError as error:
        return f"{compiler[0]}: {error.strerror}"
    if done.returncode:
        made.unlink(missing_ok=True)
        lines = [line for line in done.stdout.splitlines() if "error" in line] or ["no message"]
        return f"{compiler[0]}, status {done.returncode}: {lines[0]}"
    made.replace(target)
    return ""
