"""How this package starts its own processes."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from dubhe_sdk.errors import EnvironmentInvalid

# Names another `dubhe`, for example of an environment under /opt, that runs web and sidecar.
COMMAND_VARIABLE = "DUBHE_COMMAND"

# What the start of a process may raise: the container has no more processes, descriptors or memory,
# or the program is gone. A supervisor takes it for one more death of its child.
CANNOT_START = (OSError, EnvironmentInvalid)

# The package of dubhe-runtime, which brings what web and sidecar depend on.
_RUNTIME = "dubhe_sidecar"

# Attributes of `sys.flags`, the option of each, and the variable that does the same. Those of the
# second table are implied by -I.
_COUNTED = {
    "bytes_warning": ("b", ""),
    "debug": ("d", "PYTHONDEBUG"),
    "dont_write_bytecode": ("B", "PYTHONDONTWRITEBYTECODE"),
    "no_site": ("S", ""),
    "optimize": ("O", "PYTHONOPTIMIZE"),
    "quiet": ("q", ""),
    "verbose": ("v", "PYTHONVERBOSE"),
}
_ISOLATING = {
    "ignore_environment": ("E", ""),
    "no_user_site": ("s", "PYTHONNOUSERSITE"),
    "safe_path": ("P", "PYTHONSAFEPATH"),
}
_SCRIPT = Path(__file__).parents[1] / "cli" / "bin" / "dubhe.py"


def dubhe_command() -> list[str]:
    """Return the command that runs `dubhe` in this interpreter.

    By the path of a script and not by ``-m``, which would put the algorithm's folder first on
    the import path, where its ``queue.py`` or ``logging.py`` would take the place of Python's.
    """
    return [sys.executable, "-u", str(_SCRIPT)]


def algorithm_command() -> list[str]:
    """Return `dubhe_command` with the options that this interpreter was started with.

    For the processes on the way to the algorithm, which shall run as ``python3 -O -X utf8 app.py``
    would: ``-O`` decides whether its asserts run, ``-X utf8`` how it reads its files; ``-s``,
    ``-E``, ``-I`` and ``-P`` which packages it finds. Web front and sidecar do not get them.
    """
    executable, *rest = dubhe_command()
    return [executable, *_interpreter_options(), *rest]


def _interpreter_options() -> list[str]:
    """Return the options of this interpreter that its children do not inherit by a variable.

    https://docs.python.org/3/library/sys.html#sys.flags
    """
    flags = sys.flags
    env = {} if flags.ignore_environment else os.environ
    wanted = {**_COUNTED, **({} if flags.isolated else _ISOLATING)}
    options = ["-I"] if flags.isolated else []
    for name, (letter, variable) in wanted.items():
        count = getattr(flags, name, 0)  # safe_path: Python 3.11 and later
        if count and not env.get(variable):
            options.append(f"-{letter * count}")
    for name, value in sys._xoptions.items():
        options += ["-X", name if value is True else f"{name}={value}"]
    warnings = list(sys.warnoptions)
    for inherited in env.get("PYTHONWARNINGS", "").split(","):
        if inherited in warnings:
            warnings.remove(inherited)
    return options + [word for warning in warnings for word in ("-W", warning)]


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
