"""How this package starts its own processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Names another `dubhe`, for example of an environment under /opt, that runs web and sidecar.
COMMAND_VARIABLE = "DUBHE_COMMAND"

_SCRIPT = Path(__file__).parents[1] / "cli" / "bin" / "dubhe.py"


def dubhe_command() -> list[str]:
    """Return the command that runs `dubhe` in this interpreter.

    By the path of a script and not by ``-m``, which would put the algorithm's folder first on
    the import path, where its ``queue.py`` or ``logging.py`` would take the place of Python's.
    """
    return [sys.executable, "-u", str(_SCRIPT)]


def support_command() -> list[str]:
    """Return the command that runs `dubhe` where web and sidecar have their dependencies."""
    chosen = os.environ.get(COMMAND_VARIABLE, "").strip()
    return [chosen] if chosen else dubhe_command()
