"""The local platform with a page: start, watch, send, compare."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import webbrowser
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dubhe_sdk.environment import text
from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_simulator import interrupts
from dubhe_simulator.commands.options import adder, address, command_parser, port_or_any
from dubhe_simulator.commands.platform_options import add_platform_options, platform_config
from dubhe_simulator.errors import CannotStart, Stopped
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.run_config import RunConfig
from dubhe_simulator.platform.storage.database import Database
from dubhe_simulator.terminal.screen import Screen
from dubhe_simulator.web.token import PageToken, token_of

if TYPE_CHECKING:
    from dubhe_simulator.platform.platform import Platform

PORT = 8040
HOST = "127.0.0.1"
EXIT_FAILED = 1
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def main(argv: list[str]) -> int:
    """Serve and return the exit status: 1 could not begin, 2 usage, 128 + n signal."""
    given = _parser().parse_args(argv)
    screen = Screen(sys.stdout)
    try:
        with interrupts.watched():  # an engine may be waited for
            config = _config(given)
        token = token_of(given, given.host)
        Database(config.runs).close()  # whether it can be used is told before anything begins
    except Stopped as stopped:
        return stopped.exit_status
    except (CannotStart, EnvironmentInvalid, OSError) as error:
        screen.line(translate("failed", error=error))
        return EXIT_FAILED
    # Not for --help: these are the packages that a bare interpreter lacks.
    from dubhe_simulator.web import server

    try:
        listener = server.bind(given.host, given.port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        problem = translate("ui_port_taken", host=given.host, port=given.port, error=reason)
        screen.line(translate("failed", error=problem))
        return EXIT_FAILED
    port = listener.getsockname()[1]
    host = urlsplit(given.url).hostname if given.url else given.host

    def app(platform: Platform) -> Any:
        from dubhe_simulator.web.app import make_app  # keeps falcon out of the arbiter

        secure = (given.url or "").startswith("https:")
        return make_app(platform, host or "", token.value, secure=secure)

    ready = partial(_ready, given, port, token, Screen(sys.stdout))
    status = server.serve(config, listener, app, ready)
    with contextlib.suppress(Stopped):
        if status > 128:
            screen.line(translate("ui_ended"))
    return status


def _ready(given: argparse.Namespace, port: int, token: PageToken, screen: Screen) -> None:
    """Tell where the page is. A reader that has gone does not end the server."""
    host = given.host
    local = HOST if host in ("", "0.0.0.0") else "[::1]" if host == "::" else host
    # A container's port: to whom it is published, the one who wrote the URL knows.
    url = given.url or _url_of(local, port)
    link = token.link(url)
    with contextlib.suppress(Stopped):
        screen.line(translate("ui_open", url=url if token.was_set else link))
        if token.was_set:
            screen.line(translate("ui_token_set"))
        elif token.value is not None:
            screen.line(translate("ui_token_made"))
        if local != host and not given.url:
            screen.line(translate("ui_from_elsewhere", local=local))
        screen.line(translate("ui_how_to_end"))
    if not given.no_open and any(os.environ.get(name) for name in DISPLAYS):
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(link)


def _url_of(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host.strip("[]") and "[" not in host else host
    return f"http://{name}:{port}"


def _config(given: argparse.Namespace) -> RunConfig:
    given.runs_dir.mkdir(parents=True, exist_ok=True)
    for folder in given.images:
        if not folder.is_dir():
            raise CannotStart(translate("no_folder", folder=folder))
    images = tuple(folder.absolute() for folder in given.images)
    return platform_config(given, given.algorithm, images=images, attach=tuple(given.attach))


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
    parser = command_parser("ui", "ui_help", "ui_help_exit")
    add = adder(parser)
    add("algorithm", help="ui_help_algorithm", nargs="?", type=Path, metavar="ALGORITHM_DIR")
    add("--port", help="ui_help_port", type=port_or_any, default=PORT, metavar="PORT")
    host = text(os.environ, "DUBHE_UI_HOST") or HOST
    add("--host", help="ui_help_host", default=host, metavar="HOST")
    add("--token", help="ui_help_token", metavar="TOKEN")
    add("--token-file", help="ui_help_token_file", type=Path, metavar="FILE")
    url = text(os.environ, "DUBHE_UI_URL")
    add("--url", help="ui_help_url", type=_url, default=url, metavar="URL")
    add("--images", help="ui_help_images", type=Path, action="append", default=[], metavar="DIR")
    add("--attach", help="ui_help_attach", type=address, action="append", default=[], metavar="URL")
    add_platform_options(parser, ready_timeout=300.0)
    add("--no-open", help="ui_help_no_open", action="store_true")
    return parser
