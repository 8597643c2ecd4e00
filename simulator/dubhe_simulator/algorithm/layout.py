"""An algorithm as its author lays it out: a folder with ``app.py`` and ``run.sh``."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from dubhe_sdk.environment import PROTOCOLS
from dubhe_simulator.errors import CannotStart
from dubhe_simulator.i18n import translate

DEFAULT_PROTOCOL = "tcp"  # what the SDK serves when run.sh exports nothing

_EXPORT = re.compile(r"""^\s*(?:export\s+)?protocol\s*=\s*["']?\s*(\w+)\s*["']?""", re.MULTILINE)


@dataclass(frozen=True)
class Algorithm:
    """What the platform needs to know to start it.

    Attributes:
        folder: the working directory of its processes.
        protocol: ``http`` or ``tcp``.
        command: how it is started.
    """

    folder: Path
    protocol: str
    command: tuple[str, ...]

    @property
    def name(self) -> str:
        """The folder's name, fit to be a part of an instance id."""
        return id_part(self.folder)

    @property
    def models(self) -> Path:
        """Where it saves models (``KEY_OUTPUT_DIR``)."""
        return self.folder / "output" / "models"


def exported_protocol(script: str) -> str:
    """Return the protocol that the text of a ``run.sh`` exports; it may be an unknown one."""
    found = _EXPORT.findall(script)
    return str(found[-1]).lower() if found else DEFAULT_PROTOCOL


def id_part(folder: Path) -> str:
    """Return the last part of a path, fit to be a part of an instance id."""
    return re.sub(r"[^0-9A-Za-z_.]+", "_", folder.name) or "algorithm"


def read_algorithm(folder: Path, protocol: str | None = None) -> Algorithm:
    """Look at an algorithm's folder.

    Args:
        folder: the one with ``app.py``.
        protocol: for an algorithm without ``run.sh``; with one, the script decides.

    Raises:
        CannotStart: there is nothing to start, or the script exports an unknown protocol.
    """
    folder = folder.absolute()
    script = folder / "run.sh"
    if script.is_file():
        exported = exported_protocol(script.read_text(encoding="utf-8", errors="replace"))
        if exported not in PROTOCOLS:
            raise CannotStart(translate("bad_protocol", script=script, protocol=exported))
        shell = shutil.which("bash") or "/bin/sh"
        return Algorithm(folder, exported, (shell, script.name))
    if (folder / "app.py").is_file():
        command = (sys.executable, "-u", "app.py")
        return Algorithm(folder, protocol or DEFAULT_PROTOCOL, command)
    raise CannotStart(translate("no_algorithm", folder=folder))
