"""The command `dubhe`."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Main = Callable[[list[str]], int]

# Found without a search: these start with every container.
_OWN = {
    "serve": "dubhe_sdk.cli.serve",
    "launch": "dubhe_sdk.cli.launch",
    "check": "dubhe_sdk.cli.check",
    "openapi": "dubhe_sdk.cli.openapi",
}
_INTERNAL = {
    "web": "dubhe_sdk.service.web.main",
    "model": "dubhe_sdk.model.main",
    "rank": "dubhe_sdk.model.rank",
}
_GROUP = "dubhe.commands"

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def main(argv: list[str] | None = None) -> int:
    """Run a command. Returns its exit status; 2 for wrong usage, 130 after Ctrl-C."""
    _open_standard_streams()
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0 if arguments else EXIT_USAGE
    if arguments[0] == "--version":
        from dubhe_sdk import __version__

        sys.stdout.write(f"dubhe-sdk {__version__}\n")
        return 0
    command = _find(arguments[0])
    if command is None:
        sys.stderr.write(f"dubhe: there is no command {arguments[0]!r}\n\n{_help()}")
        return EXIT_USAGE
    try:
        return command(arguments[1:])
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _find(name: str) -> Main | None:
    module = _OWN.get(name) or _INTERNAL.get(name)
    if module is not None:
        return cast(Main, importlib.import_module(module).main)
    for entry in _entries():
        if entry.name == name:
            return cast(Main, entry.load())
    return None


def _entries() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # only to search: it weighs as much as the rest

    return sorted(entry_points(group=_GROUP), key=lambda entry: entry.name)


def _help() -> str:
    lines = ["usage: dubhe COMMAND [ARGUMENT ...]", "", "commands:"]
    modules = {**_OWN, **{entry.name: entry.module for entry in _entries()}}
    for name, module in sorted(modules.items()):
        doc = importlib.import_module(module).__doc__ or ""
        lines.append(f"  {name:<10}{doc.strip().splitlines()[0] if doc.strip() else ''}")
    lines += ["", "See `dubhe COMMAND --help`.", ""]
    return "\n".join(lines)


def _open_standard_streams() -> None:
    """Open what the caller has closed of stdin, stdout and stderr.

    Otherwise the next file or socket gets such a number, and what is meant for the console
    lands in it.
    """
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != fd:
                os.dup2(opened, fd)
                os.close(opened)
            os.set_inheritable(fd, True)
        if getattr(sys, name) is None:  # closed already when Python started
            setattr(sys, name, os.fdopen(fd, "w" if fd else "r", closefd=False))
