"""``python3 -u app.py`` becomes ``dubhe serve app.py``.

Importing `dubhe_sdk` replaces the process (exec: same PID, clean interpreter) if, and only if,

* the script that Python was started with is a file named ``app.py``,
* it was started plainly: not by ``-m``, ``-c``, ``-i``, a debugger or multiprocessing,
* and no service is above: a model's children inherit ``DUBHE_PROCESS`` and never serve.

An app of another name is started by ``dubhe serve NAME.py``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dubhe_sdk.command import dubhe_command
from dubhe_sdk.environment import read_settings
from dubhe_sdk.errors import EnvironmentInvalid

# Set by the service parent for the model and all its children.
PROCESS_VARIABLE = "DUBHE_PROCESS"
APP_NAME = "app.py"
EXIT_ENVIRONMENT = 2


def serve_if_started_app() -> None:
    """Replace the process by the service if it is a started ``app.py``; otherwise return."""
    script = _started_script()
    if script is None or script.name != APP_NAME or os.environ.get(PROCESS_VARIABLE):
        return
    try:
        read_settings()
    except EnvironmentInvalid as error:
        sys.stderr.write(f"dubhe_sdk: {error}\n")
        sys.stderr.flush()
        os._exit(EXIT_ENVIRONMENT)  # not SystemExit: the app might catch it
    sys.stdout.flush()
    sys.stderr.flush()
    command = [*dubhe_command(), "serve", str(script), *sys.argv[1:]]
    os.execv(command[0], command)


def _started_script() -> Path | None:
    """Return the script that the interpreter was started with, if it was started plainly."""
    main = sys.modules.get("__main__")
    name = getattr(main, "__file__", None)
    if (
        main is None
        or not name
        or main.__name__ != "__main__"  # multiprocessing names it __mp_main__
        or getattr(main, "__spec__", None) is not None  # python -m
        or sys.flags.interactive
        or sys.gettrace() is not None
    ):
        return None
    script = Path(name)
    # A debugger or launcher that runs app.py itself was started with its own script.
    given = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]
    started = given[-1] if given else ""
    if Path(started) != script and not _same(Path(started), script):
        return None
    return script.absolute()


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
