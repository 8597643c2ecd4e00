"""What several commands have in common: options, the types of their values, an end by a signal."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
from collections.abc import Callable

from dubhe_simulator import interrupts
from dubhe_simulator.client.address import Address, parse_address
from dubhe_simulator.errors import Stopped
from dubhe_simulator.i18n import translate
from dubhe_simulator.terminal.screen import Screen


def until_signal(work: Callable[[], int], screen: Screen, message: str) -> int:
    """Do a command's work and return its exit status; 128 + n if signal n ended it.

    Args:
        work: ends what it has started when it is left by `Stopped`.
        screen: where to tell of the signal.
        message: the key of what to tell; it has the signal's ``name``.
    """
    try:
        with interrupts.watched():
            return work()
    except Stopped as stopped:
        with contextlib.suppress(Stopped):  # nobody reads any more; the exit status still tells
            screen.line(translate(message, name=signal.Signals(stopped.signum).name))
        return stopped.exit_status


def add_brokers(parser: argparse.ArgumentParser, message: str = "help_brokers") -> None:
    """Add ``--brokers``; a message says what they are for."""
    servers = os.environ.get("BOOTSTRAP_SERVERS", "")
    parser.add_argument("--brokers", default=servers, metavar="HOST:PORT", help=translate(message))


def add_seconds(parser: argparse.ArgumentParser, option: str, default: float, message: str) -> None:
    """Add an option that takes seconds; its help has the ``seconds`` that are the default."""
    text = translate(message, seconds=default)
    parser.add_argument(option, type=float, default=default, metavar="SECONDS", help=text)


def add_container_options(parser: argparse._ActionsContainer) -> None:
    """Add what a container may use, and its further variables."""
    add = parser.add_argument
    add("--gpus", type=gpus, metavar="all|N", help=translate("run_help_gpus"))
    add("--memory", metavar="SIZE", help=translate("run_help_memory"))
    add("--env", action="append", default=[], metavar="K=V", help=translate("run_help_env"))


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
