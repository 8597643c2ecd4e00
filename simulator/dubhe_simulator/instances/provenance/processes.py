"""The processes of an instance, as /proc shows them."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class PythonProcess:
    """A process that runs Python.

    Attributes:
        command: its command line.
        executable: the interpreter's path.
        environment: its variables.
    """

    command: tuple[str, ...]
    executable: str
    environment: dict[str, str]


def algorithm_process(root: int) -> PythonProcess | None:
    """Return the process below another one in which the algorithm runs; None if there is none.

    That is the SDK's model process. An algorithm without the SDK runs in the first one that is
    Python.

    Args:
        root: the process's id.
    """
    found = [each for pid in _below(root) if (each := _read(pid)) is not None]
    models = [each for each in found if "model" in each.command[1:6] and _is_sdk(each)]
    return next(iter(models or found), None)


def _is_sdk(process: PythonProcess) -> bool:
    return any(part.endswith("/dubhe.py") for part in process.command)


def _read(pid: int) -> PythonProcess | None:
    try:
        command = _texts(PROC / str(pid) / "cmdline")
        variables = _texts(PROC / str(pid) / "environ")
    except OSError:  # it has ended, or is not ours
        return None
    if not command or not Path(command[0]).name.startswith(("python", "pypy")):
        return None
    environment = dict(text.split("=", 1) for text in variables if "=" in text)
    # Not /proc/PID/exe: of a virtual environment that is the interpreter which made it.
    executable = shutil.which(command[0], path=environment.get("PATH")) or command[0]
    return PythonProcess(tuple(command), executable, environment)


def _texts(path: Path) -> list[str]:
    return [os.fsdecode(part) for part in path.read_bytes().split(b"\0") if part]


def _below(root: int) -> list[int]:
    """Return the ids of all processes below one, parents before their children."""
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*"):
        try:
            text = entry.joinpath("stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        children.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found = sorted(children.get(root, ()))
    for pid in found:  # grows while it is walked
        found += sorted(children.get(pid, ()))
    return found
