"""The web front's process; the service parent starts it."""

from __future__ import annotations

import argparse
import logging
import os

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.logs.console import ConsoleHandler
from dubhe_sdk.logs.format import WEB_LOG_LINE, formatter, log_to_stderr
from dubhe_sdk.service.web.options import read_web_options
from dubhe_sdk.service.web.runtime import WebConfig

EXIT_USAGE = 2


def main(argv: list[str]) -> int:
    """Serve one protocol. Returns the exit status; 2 for wrong usage."""
    arguments = _parser().parse_args(argv)
    handler = ConsoleHandler()
    handler.setFormatter(formatter(WEB_LOG_LINE))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    try:
        options = read_web_options(os.environ)
    except EnvironmentInvalid as error:
        log_to_stderr("web", str(error), logging.ERROR)
        return EXIT_USAGE
    config = WebConfig(
        listen_fd=arguments.listen_fd,
        control_fd=arguments.control_fd,
        model_sockets=tuple(arguments.model_socket),
        concurrency=arguments.concurrency,
        queue=arguments.queue,
    )
    # Each protocol imports only what it needs: memory counts.
    if arguments.protocol == "http":
        from dubhe_sdk.service.web.http.worker import serve
    else:
        from dubhe_sdk.service.web.tcp.server import serve
    return serve(config, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dubhe web", description=__doc__)
    parser.add_argument("--protocol", choices=("http", "tcp"), required=True)
    parser.add_argument("--listen-fd", type=int, required=True, help="a socket that listens")
    parser.add_argument("--control-fd", type=int, required=True, help="a socket to the parent")
    parser.add_argument(
        "--model-socket",
        action="append",
        required=True,
        help="path of a model process's Unix socket; once for each of them, in order",
    )
    parser.add_argument(
        "--concurrency", type=int, required=True, help="inferences at once in a model process"
    )
    parser.add_argument("--queue", type=int, required=True, help="inferences that may wait")
    return parser
