"""Serve an algorithm over HTTP or TCP, as the environment asks for."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import LAUNCH_VARIABLE, read_settings
from dubhe_sdk.errors import DubheError, EnvironmentInvalid, SpoolUnusable
from dubhe_sdk.launch.options import ONCE_VARIABLE
from dubhe_sdk.logs.format import log_to_stderr, read_format
from dubhe_sdk.process.command import algorithm_command, support_command
from dubhe_sdk.service.mounted_request import read_request
from dubhe_sdk.service.options import REQUEST_VARIABLE, read_service_options
from dubhe_sdk.service.parent import Service
from dubhe_sdk.service.web.options import read_web_options

EXIT_FAILED = 1
EXIT_USAGE = 2


def main(argv: list[str]) -> int:
    """`dubhe serve APP`."""
    parser = argparse.ArgumentParser(
        prog="dubhe serve",
        description="Serve the algorithm in APP; `python3 -u app.py` does the same. With no "
        "`dubhe launch` above, one is put above, so that a sidecar delivers what is reported.",
        epilog="Environment: PORT (8030), protocol (http or tcp), INSTANCE_ID, PLATFORM_TYPE, "
        "BOOTSTRAP_SERVERS and more; see the README.",
    )
    parser.add_argument(
        "--module",
        default="",
        metavar="NAME",
        help="import APP under this name, as `python3 -m NAME` does: package.main; by default "
        "under its own",
    )
    parser.add_argument(
        "--request",
        metavar="FILE",
        help="begin the training or evaluation whose start request is in this file (JSON, what the "
        f"platform would send) as soon as the model is ready (default: {REQUEST_VARIABLE})",
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="end with the first task: status 0 if it ended well and everything is delivered, 75 "
        f"if it ended well and is not delivered, 1 if it failed (also by {ONCE_VARIABLE}=1)",
    )
    parser.add_argument("app", type=Path, metavar="APP", help="the algorithm's file: app.py")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="handed on as sys.argv")
    options = parser.parse_args(argv)
    if options.request is not None:
        os.environ[REQUEST_VARIABLE] = options.request
    if options.once:
        os.environ[ONCE_VARIABLE] = "1"
    try:
        settings = read_settings()
        service_options = read_service_options(os.environ)
        if service_options.once and settings.kind is TaskKind.INFER:
            raise EnvironmentInvalid(
                f"{ONCE_VARIABLE} is 1, but INSTANCE_ID is {settings.instance_id}: an inference "
                "instance has no task that ends; unset one of them"
            )
        read_format(os.environ)
        support_command()
        read_web_options(os.environ)  # for the web front, whose start has no console of its own
        if not options.app.is_file():
            parser.error(f"{options.app} is not a file: name the algorithm's app.py")
        if not os.environ.get(LAUNCH_VARIABLE):
            ours = algorithm_command()
            command = [*ours, "launch", "--", *ours, "serve", *argv]
            os.execv(command[0], command)
        app, job = options.app.absolute(), None
        if service_options.request is not None:
            job, settings = read_request(service_options.request, settings, app)
            os.environ["INSTANCE_ID"] = str(settings.instance_id)
        service = Service(settings, service_options, app, options.arguments, options.module, job)
        return service.run()
    except (EnvironmentInvalid, SpoolUnusable) as error:
        log_to_stderr("serve", str(error), logging.ERROR)
        return EXIT_USAGE
    except DubheError as error:
        log_to_stderr("serve", str(error), logging.ERROR)
        return EXIT_FAILED
