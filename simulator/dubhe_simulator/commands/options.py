"""What several commands have in common: options, the types of their values, an end by a signal."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_simulator import interrupts
from dubhe_simulator.client.address import Address, parse_address
from dubhe_simulator.errors import CannotStart, Refused, Stopped, TaskFailed
from dubhe_simulator.i18n import translate
from dubhe_simulator.terminal.screen import Screen

EXIT_OK = 0
EXIT_FAILED = 1


def run_command(work: Callable[[], int], screen: Screen, stopped: str | None = None) -> int:
    """Do a command's work and return its exit status.

    That is 1 if it cannot be done, which is told; 128 + n if signal n ended it.

    Args:
        work: ends what it has started when it is left by `Stopped`.
        screen: where to tell.
        stopped: the key of what to tell of a signal; it has the signal's ``name``.
    """
    try:
        with interrupts.watched():
            try:
                return work()
            except (CannotStart, Refused, TaskFailed, EnvironmentInvalid, OSError) as error:
                screen.line(translate("failed", error=error))
                return EXIT_FAILED
    except Stopped as signalled:
        with contextlib.suppress(Stopped):  # nobody reads any more; the exit status still tells
            if stopped is not None:
                screen.line(translate(stopped, name=signal.Signals(signalled.signum).name))
        return signalled.exit_status


def command_parser(name: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """Return the parser of a command. Its texts are messages, named by their keys.

    Args:
        name: the command.
        description: what it does.
        epilog: its exit status.
    """
    return argparse.ArgumentParser(
        prog=f"dubhe {name}", description=translate(description), epilog=translate(epilog)
    )


def adder(parser: argparse._ActionsContainer) -> Callable[..., argparse.Action]:
    """Return ``add_argument`` of a parser or group, with the key of a message as ``help``."""

    def add(*names: str, help: str, **how: Any) -> argparse.Action:
        return parser.add_argument(*names, help=translate(help), **how)

    return add


def add_brokers(parser: argparse._ActionsContainer, message: str = "help_brokers") -> None:
    """Add ``--brokers``; a message says what they are for."""
    servers = os.environ.get("BOOTSTRAP_SERVERS", "")
    adder(parser)("--brokers", help=message, default=servers, metavar="HOST:PORT")


def add_seconds(
    parser: argparse._ActionsContainer, option: str, default: float, message: str
) -> None:
    """Add an option that takes seconds; its help has the ``seconds`` that are the default."""
    text = translate(message, seconds=default)
    parser.add_argument(option, type=float, default=default, metavar="SECONDS", help=text)


def add_container_options(parser: argparse._ActionsContainer) -> None:
    """Add what a container may use, and its further variables."""
    add = adder(parser)
    add("--gpus", help="run_help_gpus", type=gpus, metavar="all|N")
    add("--memory", help="run_help_memory", metavar="SIZE")
    add("--env", help="run_help_env", action="append", default=[], metavar="K=V")


def address(value: str) -> Address:
    """Return the address in an argument, for ``type=``.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        return parse_address(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def port_number(value: str) -> int:
    """Return a port's number, for ``type=``.

    Raises:
        ValueError: there is no such port.
    """
    number = positive(value)
    if number > 65535:
        raise ValueError(value)
    return number


def port_or_any(value: str) -> int:
    """Return a port's number, for ``type=``; 0 stands for any free one.

    Raises:
        ValueError: there is no such port.
    """
    return 0 if value == "0" else port_number(value)


def positive(value: str) -> int:
    """Return a number above 0, for ``type=``.

    Raises:
        ValueError: it is none.
    """
    number = int(value)
    if number < 1:
        raise ValueError(value)
    return number


def gpus(value: str) -> int | None:
    """Return how many GPUs, for ``type=``: -1 for all, None for none (an empty text).

    Raises:
        ValueError: it is neither a number above 0 nor ``all``.
    """
    if not value:
        return None
    return -1 if value == "all" else positive(value)
