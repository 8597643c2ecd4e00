"""``python3 -u app.py`` becomes ``dubhe serve app.py``.

Importing `dubhe_sdk` replaces the process (exec: same PID, clean interpreter) if, and only if,

* the script on Python's command line is a file named ``app.py``, and it is what runs: it was
  not started by ``-m``, ``-c``, ``-i``, a debugger, another script or multiprocessing,
* and no service is above: a model's children inherit ``DUBHE_PROCESS`` and never serve.

An app of another name is started by ``dubhe serve NAME.py``.
"""

# The app's folder is first on the import path and may hold a pathlib.py: no pathlib here.
# ruff: noqa: PTH118, PTH119, PTH120, PTH121

from __future__ import annotations

import os
import sys

# Set by the service parent for the model and all its children.
PROCESS_VARIABLE = "DUBHE_PROCESS"
APP_NAME = "app.py"
EXIT_ENVIRONMENT = 2


def serve_if_started_app() -> None:
    """Replace the process by the service if it is a started ``app.py``; otherwise return."""
    if os.environ.get(PROCESS_VARIABLE):
        return
    script = _started_script()
    if script is None or os.path.basename(script) != APP_NAME:
        return
    # From here on nothing of the app runs any more, and nothing of its folder is imported.
    folder = os.path.dirname(script)
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != folder]

    from dubhe_sdk.environment import read_settings
    from dubhe_sdk.errors import EnvironmentInvalid
    from dubhe_sdk.process.command import algorithm_command

    try:
        read_settings()
    except EnvironmentInvalid as error:
        if sys.stderr is not None:
            sys.stderr.write(f"dubhe_sdk: {error}\n")
            sys.stderr.flush()
        os._exit(EXIT_ENVIRONMENT)  # not SystemExit: the app might catch it
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # its descriptor was closed by who started this
            stream.flush()
    command = [*algorithm_command(), "serve", script, *sys.argv[1:]]
    os.execv(command[0], command)


def _started_script() -> str | None:
    """Return the script that the interpreter was started with, if it was started plainly."""
    main = sys.modules.get("__main__")
    name = getattr(main, "__file__", None)
    given = _script_on_command_line()
    if (
        main is None
        or not name
        or not given
        or main.__name__ != "__main__"  # multiprocessing names it __mp_main__
        or getattr(main, "__spec__", None) is not None  # python -m
        or sys.flags.interactive
        or sys.gettrace() is not None
        or _is_multiprocessing_child()
    ):
        return None
    try:
        # A debugger or launcher that runs app.py itself was started with its own script.
        same = os.path.samefile(name, given)
    except OSError:
        return None
    if not same:
        return None
    folder: str = os.path.realpath(os.path.dirname(name))
    return os.path.join(folder, os.path.basename(name))


def _script_on_command_line() -> str | None:
    """Return the first argument that is not an option of Python's; None with ``-m`` or ``-c``."""
    arguments = iter(sys.orig_argv[1:])
    for argument in arguments:
        if argument == "--check-hash-based-pycs":
            next(arguments, None)
        elif argument == "-" or not argument.startswith("-"):
            return argument
        elif not argument.startswith("--"):
            for position, letter in enumerate(argument[1:], 2):
                if letter in "mc":
                    return None
                if letter in "XW":  # what follows is its value, in this argument or the next
                    if position == len(argument):
                        next(arguments, None)
                    break
    return None


def _is_multiprocessing_child() -> bool:
    """Return whether multiprocessing forked this process; without importing it."""
    process = sys.modules.get("multiprocessing.process")
    parent = getattr(process, "parent_process", None)
    return parent is not None and parent() is not None
