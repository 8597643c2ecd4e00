"""The local platform with a page: start, watch, send, compare."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit

from dubhe_sdk.environment import brokers, text
from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_simulator import interrupts
from dubhe_simulator.algorithm.dataset import Dataset, read_dataset
from dubhe_simulator.algorithm.layout import read_algorithm
from dubhe_simulator.client.address import Address, parse_address
from dubhe_simulator.commands.hosts import add_host_options, hosts_of
from dubhe_simulator.contract.payload_options import json_object
from dubhe_simulator.contract.topics import topics
from dubhe_simulator.errors import CannotPlay, Stopped
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.backend import InstanceBackend, LocalBackend
from dubhe_simulator.platform.options import Options
from dubhe_simulator.platform.storage.database import Database
from dubhe_simulator.terminal.screen import Screen

PORT = 8040
HOST = "127.0.0.1"
EXIT_FAILED = 1
READY_TIMEOUT_S = 300.0
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def main(argv: list[str]) -> int:
    """Serve and return the exit status: 1 could not begin, 2 usage, 128 + n signal."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.on and given.algorithm is not None:
        parser.error(translate("ui_here_or_there"))
    screen = Screen(sys.stdout)
    try:
        with interrupts.watched():  # hosts may be waited for
            options = _options(given, screen)
        Database(options.runs).close()  # whether it can be used is told before anything begins
    except Stopped as stopped:
        return stopped.exit_status
    except (CannotPlay, EnvironmentInvalid, OSError) as error:
        screen.line(translate("failed", error=error))
        return EXIT_FAILED
    # Not for --help: these are the packages that a bare interpreter lacks.
    from dubhe_simulator.web import server

    try:
        listener = server.bind(given.host, given.port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        text = translate("ui_port_taken", host=given.host, port=given.port, error=reason)
        screen.line(translate("failed", error=text))
        return EXIT_FAILED
    port = listener.getsockname()[1]
    host = urlsplit(given.url).hostname if given.url else given.host
    status = server.serve(
        options, listener, host or "", lambda: _ready(given, port, Screen(sys.stdout))
    )
    with contextlib.suppress(Stopped):
        if status > 128:
            screen.line(translate("ui_ended"))
    return status


def _ready(given: argparse.Namespace, port: int, screen: Screen) -> None:
    """Tell where the page is. A reader that has gone does not end the server."""
    host = given.host
    local = HOST if host in ("", "0.0.0.0") else "[::1]" if host == "::" else host
    # A container's port: to whom it is published, the one who wrote the URL knows.
    url = given.url or _url_of(local, port)
    with contextlib.suppress(Stopped):
        screen.line(translate("ui_open", url=url))
        if local != host and not given.url:
            screen.line(translate("ui_warn_open", host=host))
        screen.line(translate("ui_how_to_end"))
    if not given.no_open and any(os.environ.get(name) for name in DISPLAYS):
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(url)


def _url_of(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host.strip("[]") and "[" not in host else host
    return f"http://{name}:{port}"


def _options(given: argparse.Namespace, screen: Screen) -> Options:
    algorithm = read_algorithm(given.algorithm) if given.algorithm is not None else None
    params = json_object("--special-params", given.special_params)
    runs = given.runs_dir.absolute()
    runs.mkdir(parents=True, exist_ok=True)
    for folder in given.images:
        if not folder.is_dir():
            raise CannotPlay(translate("ui_no_folder", folder=folder))
    backend: InstanceBackend | None = LocalBackend(algorithm) if algorithm is not None else None
    if given.on:
        screen.line(translate("ui_waiting", hosts=", ".join(given.on)))
        backend = hosts_of(given)
    dataset: Dataset | None = None
    if given.data_dir is not None or algorithm is not None:
        assert algorithm is not None or given.data_dir is not None
        dataset = read_dataset(given.data_dir or algorithm.folder / "data")  # type: ignore[union-attr]
    return Options(
        runs=runs,
        backend=backend,
        dataset=dataset,
        brokers=brokers({"BOOTSTRAP_SERVERS": given.brokers}),
        topics=topics(os.environ),
        images=tuple(folder.absolute() for folder in given.images),
        attach=tuple(given.attach),
        special_params=params,
        ready_timeout=given.ready_timeout,
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


def _url(value: str) -> str:
    try:
        found = urlsplit(value)
        good = found.scheme in ("http", "https") and found.hostname and found.port != 0
    except ValueError:  # no port, or half an IPv6 address
        good = False
    if not good or found.path.strip("/") or found.query or found.fragment:
        raise argparse.ArgumentTypeError(translate("ui_bad_url", url=value))
    return value.rstrip("/")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dubhe ui", description=translate("ui_help"), epilog=translate("ui_help_exit")
    )
    add = parser.add_argument
    add(
        "algorithm",
        nargs="?",
        type=Path,
        metavar="ALGORITHM_DIR",
        help=translate("ui_help_algorithm"),
    )
    add("--port", type=_port, default=PORT, metavar="PORT", help=translate("ui_help_port"))
    host = text(os.environ, "DUBHE_UI_HOST") or HOST
    add("--host", default=host, metavar="HOST", help=translate("ui_help_host"))
    url = text(os.environ, "DUBHE_UI_URL")
    add("--url", type=_url, default=url, metavar="URL", help=translate("ui_help_url"))
    add(
        "--brokers",
        default=os.environ.get("BOOTSTRAP_SERVERS", ""),
        metavar="HOST:PORT",
        help=translate("help_brokers"),
    )
    add("--data-dir", type=Path, metavar="DIR", help=translate("help_data"))
    add(
        "--images",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help=translate("ui_help_images"),
    )
    runs = Path() / "runs"
    add("--runs-dir", type=Path, default=runs, metavar="DIR", help=translate("ui_help_runs"))
    add(
        "--attach",
        type=_address,
        action="append",
        default=[],
        metavar="URL",
        help=translate("ui_help_attach"),
    )
    add(
        "--special-params",
        default=text(os.environ, "special_params"),
        metavar="JSON",
        help=translate("help_params"),
    )
    add_host_options(parser, READY_TIMEOUT_S)
    add("--no-open", action="store_true", help=translate("ui_help_no_open"))
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
