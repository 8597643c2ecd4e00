"""Run instances of an algorithm for a platform elsewhere, one after another."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from pathlib import Path

from dubhe_sdk.environment import text
from dubhe_simulator.algorithm.layout import read_algorithm
from dubhe_simulator.errors import CannotStart
from dubhe_simulator.hosts import DEFAULT_PORT, Host
from dubhe_simulator.hosts.host import Served
from dubhe_simulator.i18n import translate

EXIT_OK = 0
EXIT_USAGE = 2
DEFAULT_SERVICE_PORT = 8030


def main(argv: list[str]) -> int:
    """Run until SIGTERM; return the exit status: 0, or 2 if there is nothing to run."""
    options = _parser().parse_args(argv)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    try:
        algorithm = read_algorithm(Path(), text(os.environ, "protocol"))
        served = Served(algorithm.protocol, int(text(os.environ, "PORT") or DEFAULT_SERVICE_PORT))
        listener = socket.create_server(("", options.port))
    except (CannotStart, OSError, ValueError) as error:
        sys.stderr.write(f"dubhe host: {error}\n")
        return EXIT_USAGE
    with listener:
        Host(served, command or algorithm.command).run(listener)
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dubhe host",
        usage="dubhe host [-h] [--port PORT] [-- COMMAND [ARGUMENT ...]]",
        description=translate("help_host_command"),
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, metavar="PORT", help=translate("help_host_port")
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
