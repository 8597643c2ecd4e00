"""``python3 -u app.py`` becomes ``dubhe serve app.py``.

Importing `dubhe_sdk` replaces the process (exec: same PID, clean interpreter) if, and only if,

* a script on Python's command line, or a module by ``-m``, is what runs: it was not started by
  ``-c``, ``-i``, a debugger, another script or multiprocessing,
* and it is named ``app.py``, or a line of its own marks a class, so that nothing slow is imported
  twice,
* and no service is above: a model's children inherit ``DUBHE_PROCESS`` and never serve.

A launcher (torchrun, ``accelerate launch``, Lightning, ``paddle.distributed.launch``, msrun) starts
the script once for each rank, with variables that `dubhe_sdk.rank_environment` reads. Below a task
of this very script each becomes a rank of the task; with no service above, rank 0 becomes the
service and the others wait for its tasks: see `dubhe_sdk.model.rank`.

Otherwise it happens as soon as a class is marked in the started script: under another name of the
decorator, or in a file without source. A class that is marked in an imported module makes the
script serve on the platform (``PLATFORM_TYPE=1``); by hand such a script may be a tool that only
uses the class.

A script on the platform that marks a class and in the end has served nothing says why, and its
status is 1: silence with status 0 would be taken for success.
"""

# The app's folder is first on the import path and may hold a pathlib.py, a re.py or an enum.py:
# nothing is imported here that Python does not import by itself.
# ruff: noqa: PTH100, PTH109, PTH118, PTH119, PTH120, PTH121, PTH123

from __future__ import annotations

import atexit
import os
import sys

from dubhe_sdk.rank_environment import rank_of

# Set by the service parent for the model and all its children.
PROCESS_VARIABLE = "DUBHE_PROCESS"
_TRIPLE_QUOTES = (b'"""', b"'''")
_ONLY_PARSE = 0x400  # ast.PyCF_ONLY_AST; importing ast would take longer than all of this
# Set by the model process: the algorithm's file.
APP_VARIABLE = "DUBHE_APP"
APP_NAME = "app.py"
EXIT_NOTHING_SERVED = 1
EXIT_ENVIRONMENT = 2

_IN_A_DOTTED_NAME = b"._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Started:
    """What the interpreter was started with.

    Args:
        path: the file, absolute.
        module: its name if it was started by ``-m``; otherwise empty.
    """

    def __init__(self, path: str, module: str) -> None:
        self.path = path
        self.module = module


class _NotStarted(Exception):
    """The text says how this process runs instead."""


def serve_if_started_app() -> None:
    """Replace the process by the service, or a rank, if its script is an algorithm."""
    rank = rank_of(os.environ)
    below = bool(os.environ.get(PROCESS_VARIABLE))
    if below and rank is None:
        return
    try:
        started = _started()
    except _NotStarted:
        return
    if below:
        if _is_same(started.path, os.environ.get(APP_VARIABLE, "")):
            _replace("rank", started)
    elif os.path.basename(started.path) == APP_NAME or _marks_a_class(started.path):
        _become(started)


def serve_if_marked(cls: type) -> None:
    """Replace the process by the service if the script that marks this class was started plainly.

    Args:
        cls: the class that was just marked.
    """
    if os.environ.get(PROCESS_VARIABLE):
        return
    on_platform = os.environ.get("PLATFORM_TYPE", "").strip() == "1"
    own = cls.__module__ == "__main__"
    try:
        started = _started()
    except _NotStarted as reason:
        if on_platform and (own or getattr(sys, "frozen", False)):
            atexit.unregister(_end_with)  # several classes: said once
            name = f"{cls.__module__}.{cls.__qualname__}"
            atexit.register(_end_with, f"{name} is marked, but {reason}")
        return
    if own or on_platform:
        _become(started)


def _end_with(reason: str) -> None:
    """Run at exit."""
    if sys.stdout is not None:
        sys.stdout.flush()
    if sys.stderr is not None:
        sys.stderr.write(
            f"dubhe_sdk: nothing was served: {reason}. Start the algorithm plainly, for example "
            "`python3 -u app.py`, or by `dubhe serve FILE`\n"
        )
        sys.stderr.flush()
    os._exit(EXIT_NOTHING_SERVED)


def _become(started: Started) -> None:
    """Become the service, or a rank beside it."""
    if rank_of(os.environ):
        _replace("rank", started, "--wait")
    else:
        _replace("serve", started)


def _replace(command: str, started: Started, *options: str) -> None:
    # From here on nothing of the app runs any more, and nothing of its folder is imported.
    folders = os.path.dirname(started.path), os.getcwd()  # the latter with -m
    sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) not in folders]

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
    module = ["--module", started.module] if started.module else []
    words = [*algorithm_command(), command, *options, *module, started.path, *sys.argv[1:]]
    os.execv(words[0], words)


def _is_same(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False


def _marks_a_class(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError:
        return False
    # Parsing takes longer than all of this, so it is left to what the text does not show.
    in_text = False
    position = source.find(b"@")
    while position >= 0:
        if not position or source[position - 1] in b"\r\n":  # on the top level
            end = source.find(b"\n", position)
            if _is_mark(source[position : end if end >= 0 else len(source)]):
                if _is_outside_texts(source[:position]):
                    return True
                in_text = True
        position = source.find(b"@", position + 1)
    return in_text and _has_marked_class(source)


def _is_outside_texts(before: bytes) -> bool:
    """Return whether a line surely is code, and not a part of a text such as a template.

    Args:
        before: the source up to the line. Only a text in triple quotes can go on there.
    """
    position = 0
    following = {mark: before.find(mark) for mark in _TRIPLE_QUOTES}
    while True:
        for mark, at in following.items():
            if 0 <= at < position:
                following[mark] = before.find(mark, position)
        found = [(at, mark) for mark, at in following.items() if at >= 0]
        if not found:
            return True
        begin, mark = min(found)
        line = before[before.rfind(b"\n", 0, begin) + 1 : begin]
        end = before.find(mark, begin + 3)
        # In a comment, in another text, or escaped: its text has to be parsed.
        if end < 0 or any(sign in line for sign in b"#\"'") or before[end - 1] == 0x5C:
            return False
        position = end + 3


def _has_marked_class(source: bytes) -> bool:
    """Return the same by parsing: whether a class is marked on the top level."""
    try:
        tree = compile(source, "<app>", "exec", _ONLY_PARSE, dont_inherit=True)
    except (SyntaxError, ValueError):
        return True  # the service says what is wrong, and END 300
    return any(
        "pipeline" in (getattr(name, "attr", None), getattr(name, "id", None))
        for statement in tree.body
        for decorator in getattr(statement, "decorator_list", ())
        for name in (decorator, getattr(decorator, "func", None))
    )


def _is_mark(line: bytes) -> bool:
    """Return whether a line is the decorator ``@pipeline`` or ``@….pipeline``."""
    if not line.startswith(b"@"):
        return False
    rest = line[1:].lstrip(b" \t")
    return b"pipeline" in rest[: len(rest) - len(rest.lstrip(_IN_A_DOTTED_NAME))].split(b".")


def _started() -> Started:
    """Return what the interpreter was started with, if that is what runs.

    Raises:
        _NotStarted: it was not started plainly.
    """
    main = sys.modules.get("__main__")
    name = getattr(main, "__file__", None)
    if getattr(sys, "frozen", False):
        raise _NotStarted(
            "this is a program that was packed (PyInstaller or the like), whose interpreter cannot "
            "be started again for the service: bring the scripts, or compiled modules, with their "
            "Python"
        )
    if main is None or not name or main.__name__ != "__main__":
        # multiprocessing names it __mp_main__
        raise _NotStarted("no script runs here")
    if _is_multiprocessing_child():
        raise _NotStarted("this is a worker process")
    if sys.flags.interactive or sys.gettrace() is not None:
        raise _NotStarted("the interpreter is interactive, or traced by a debugger")
    given, module = _on_command_line()
    spec = getattr(main, "__spec__", None)
    if (spec is None) != (not module):
        raise _NotStarted(f"it was not started as a script: {' '.join(sys.orig_argv)}")
    if spec is not None:
        # A tool started by -m runs a script under the name __main__, without this spec.
        if spec.name not in (given, f"{given}.__main__") or spec.origin != name:
            raise _NotStarted(f"it runs in `python -m {given}`")
        return Started(os.path.abspath(name), spec.name)
    try:
        # A debugger or launcher that runs app.py itself was started with its own script.
        same = os.path.samefile(name, given)
    except OSError:
        same = False
    if not same:
        raise _NotStarted(f"it runs in {given or 'python -c'}")
    folder: str = os.path.realpath(os.path.dirname(name))
    return Started(os.path.join(folder, os.path.basename(name)), "")


def _on_command_line() -> tuple[str, bool]:
    """Return the script or module that Python was told to run, and whether it is a module.

    Empty with ``-c``, or if there is none.
    """
    arguments = iter(sys.orig_argv[1:])
    for argument in arguments:
        if argument == "--check-hash-based-pycs":
            next(arguments, None)
        elif argument == "-" or not argument.startswith("-"):
            return argument, False
        elif not argument.startswith("--"):
            for position, letter in enumerate(argument[1:], 2):
                if letter == "c":
                    return "", False
                if letter == "m":
                    return argument[position:] or next(arguments, ""), True
                if letter in "XW":  # what follows is its value, in this argument or the next
                    if position == len(argument):
                        next(arguments, None)
                    break
    return "", False


def _is_multiprocessing_child() -> bool:
    """Return whether multiprocessing forked this process; without importing it."""
    process = sys.modules.get("multiprocessing.process")
    parent = getattr(process, "parent_process", None)
    return parent is not None and parent() is not None
