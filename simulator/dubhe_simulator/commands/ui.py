"""The local platform with a page: start, watch, send, compare."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import webbrowser
from pathlib import Path

from dubhe_sdk.environment import brokers
from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_simulator.algorithm import read_algorithm
from dubhe_simulator.dataset import Dataset, read_dataset
from dubhe_simulator.errors import CannotPlay, Stopped
from dubhe_simulator.platform.clients import Address, parse_address
from dubhe_simulator.platform.options import Options
from dubhe_simulator.platform.store import Store
from dubhe_simulator.screen import Screen
from dubhe_simulator.topics import topics
from dubhe_simulator.words import say

PORT = 8040
HOST = "127.0.0.1"
EXIT_FAILED = 1
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def main(argv: list[str]) -> int:
    """Serve and return the exit status: 1 could not begin, 2 usage, 128 + n signal."""
    given = _parser().parse_args(argv)
    screen = Screen(sys.stdout)
    try:
        options = _options(given)
        Store(options.runs).close()  # whether it can be used is told before anything begins
    except (CannotPlay, EnvironmentInvalid, OSError) as error:
        screen.line(say("failed", error=error))
        return EXIT_FAILED
    # Not for --help: these are the packages that a bare interpreter lacks.
    from dubhe_simulator.web import server

    try:
        listener = server.bind(given.host, given.port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        text = say("ui_port_taken", host=given.host, port=given.port, error=reason)
        screen.line(say("failed", error=text))
        return EXIT_FAILED
    port = listener.getsockname()[1]
    status = server.serve(
        options, listener, given.host, lambda: _ready(given, port, Screen(sys.stdout))
    )
    with contextlib.suppress(Stopped):
        if status > 128:
            screen.line(say("ui_ended"))
    return status


def _ready(given: argparse.Namespace, port: int, screen: Screen) -> None:
    """Tell where the page is. A reader that has gone does not end the server."""
    host = given.host
    local = HOST if host in ("", "0.0.0.0") else "[::1]" if host == "::" else host
    url = (
        f"http://{f'[{local}]' if ':' in local.strip('[]') and '[' not in local else local}:{port}"
    )
    with contextlib.suppress(Stopped):
        screen.line(say("ui_open", url=url))
        if local != host:
            screen.line(say("ui_warn_open", host=host))
        screen.line(say("ui_how_to_end"))
    if not given.no_open and any(os.environ.get(name) for name in DISPLAYS):
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(url)


def _options(given: argparse.Namespace) -> Options:
    algorithm = read_algorithm(given.algorithm) if given.algorithm is not None else None
    runs = given.runs_dir.absolute()
    runs.mkdir(parents=True, exist_ok=True)
    for folder in given.images:
        if not folder.is_dir():
            raise CannotPlay(say("ui_no_folder", folder=folder))
    dataset: Dataset | None = None
    if given.data_dir is not None or algorithm is not None:
        assert algorithm is not None or given.data_dir is not None
        dataset = read_dataset(given.data_dir or algorithm.folder / "data")  # type: ignore[union-attr]
    return Options(
        runs=runs,
        algorithm=algorithm,
        dataset=dataset,
        brokers=brokers({"BOOTSTRAP_SERVERS": given.brokers}),
        topics=topics(os.environ),
        images=tuple(folder.absolute() for folder in given.images),
        attach=tuple(given.attach),
    )


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 65536:
        raise ValueError(text)
    return port


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dubhe ui", description=say("ui_help"), epilog=say("ui_help_exit")
    )
    add = parser.add_argument
    add("algorithm", nargs="?", type=Path, metavar="ALGORITHM_DIR", help=say("ui_help_algorithm"))
    add("--port", type=_port, default=PORT, metavar="PORT", help=say("ui_help_port"))
    add("--host", default=HOST, metavar="HOST", help=say("ui_help_host"))
    add(
        "--brokers",
        default=os.environ.get("BOOTSTRAP_SERVERS", ""),
        metavar="HOST:PORT",
        help=say("help_brokers"),
    )
    add("--data-dir", type=Path, metavar="DIR", help=say("help_data"))
    add(
        "--images",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help=say("ui_help_images"),
    )
    runs = Path() / "runs"
    add("--runs-dir", type=Path, default=runs, metavar="DIR", help=say("ui_help_runs"))
    add(
        "--attach",
        type=_address,
        action="append",
        default=[],
        metavar="URL",
        help=say("ui_help_attach"),
    )
    add("--no-open", action="store_true", help=say("ui_help_no_open"))
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
