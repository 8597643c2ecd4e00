"""How this package starts its own processes."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from dubhe_sdk.errors import EnvironmentInvalid

# Names another `dubhe`, for example of an environment under /opt, that runs web and sidecar.
COMMAND_VARIABLE = "DUBHE_COMMAND"

# The package of dubhe-runtime, which brings what web and sidecar depend on.
_RUNTIME = "dubhe_sidecar"
_SCRIPT = Path(__file__).parents[1] / "cli" / "bin" / "dubhe.py"


def dubhe_command() -> list[str]:
    """Return the command that runs `dubhe` in this interpreter.

    By the path of a script and not by ``-m``, which would put the algorithm's folder first on
    the import path, where its ``queue.py`` or ``logging.py`` would take the place of Python's.
    """
    return [sys.executable, "-u", str(_SCRIPT)]


def support_command() -> list[str]:
    """Return the command that runs `dubhe` where web and sidecar have their dependencies.

    That is what ``DUBHE_COMMAND`` names; else this interpreter, if it has dubhe-runtime; else the
    `dubhe` on ``PATH``. The algorithm's interpreter needs nothing but dubhe-core.

    Raises:
        EnvironmentInvalid: there is none of them, or ``DUBHE_COMMAND`` names no program.
    """
    chosen = os.environ.get(COMMAND_VARIABLE, "").strip()
    if chosen:
        if not _program(chosen):
            raise EnvironmentInvalid(
                f"{COMMAND_VARIABLE} is {chosen!r}, which is not a program that can be run: name "
                "the command `dubhe` of the environment in which dubhe-sdk is installed, for "
                "example /opt/dubhe/bin/dubhe"
            )
        return [chosen]
    if find_spec(_RUNTIME) is not None:
        return dubhe_command()
    found = _program("dubhe")
    if not found:
        raise EnvironmentInvalid(
            f"the web front and the sidecar need dubhe-runtime, which {sys.executable} does not "
            "have, and there is no `dubhe` on PATH. Install dubhe-sdk (in its checkout: pip "
            "install ./core ./sidecar ./simulator .) into an environment of its own and set "
            f"{COMMAND_VARIABLE} to that environment's bin/dubhe; or install dubhe-runtime here"
        )
    return [found]


def support_environ() -> dict[str, str]:
    """Return this process's environment for `support_command`.

    Another environment's `dubhe` does not see where the algorithm looks for its packages.
    """
    env = dict(os.environ)
    if support_command() != dubhe_command():
        for name in ("PYTHONPATH", "PYTHONHOME"):
            env.pop(name, None)
    return env


def _program(name: str) -> str | None:
    """Return the path of a program as exec finds it; `shutil` would weigh more than all of this."""
    for folder in [""] if os.sep in name else os.get_exec_path():
        path = Path(folder, name)
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return None
