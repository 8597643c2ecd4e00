"""Run a command beside a sidecar that delivers what it reports."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path

from dubhe_sdk.environment import brokers, directories
from dubhe_sdk.errors import EnvironmentInvalid, SpoolUnusable
from dubhe_sdk.launch.options import read_launch_options
from dubhe_sdk.launch.parent import Launcher
from dubhe_sdk.logs.format import log_to_stderr, read_format
from dubhe_sdk.process.command import support_command
from dubhe_sdk.process.shell_script import windows_line_ends
from dubhe_sdk.spool.create import check_directory

EXIT_USAGE = 2


def main(argv: list[str]) -> int:
    """`dubhe launch -- COMMAND`."""
    parser = argparse.ArgumentParser(
        prog="dubhe launch",
        usage="dubhe launch [-h] -- COMMAND [ARGUMENT ...]",
        description="Start the sidecar and COMMAND; forward signals to COMMAND; at its end wait "
        "until everything it reported is delivered; exit with COMMAND's status.",
        epilog="Environment: DUBHE_SPOOL_DIR, DUBHE_SHUTDOWN_TIMEOUT_SECONDS (default 9: after a "
        "stop signal), DUBHE_TASK_STOP_TIMEOUT_SECONDS (the task's part of it), "
        "DUBHE_DRAIN_TIMEOUT_SECONDS (default 30: after COMMAND ended by itself), "
        "BOOTSTRAP_SERVERS, DUBHE_LOG_FORMAT (text or json).",
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    options = parser.parse_args(argv)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("no COMMAND given: write it after --, as in `dubhe launch -- ./run.sh`")
    for word in command[:2]:  # run.sh, or its shell and run.sh
        problem = windows_line_ends(Path(word)) if word.endswith(".sh") else ""
        if problem:
            log_to_stderr("launch", problem, logging.ERROR)
            return EXIT_USAGE
    try:
        # What the sidecar reads too; the rest is checked by the service: run.sh may change it.
        brokers(os.environ)
        temporary, spool = directories(os.environ)
        check_directory(spool)
        launch_options = read_launch_options(os.environ)
        read_format(os.environ)
        support_command()
    except (EnvironmentInvalid, SpoolUnusable) as error:
        log_to_stderr("launch", str(error), logging.ERROR)
        return EXIT_USAGE
    # Named for all below, which may have another working directory.
    os.environ["DUBHE_SPOOL_DIR"] = str(spool)
    os.environ["DUBHE_TEMPORARY"] = str(temporary)
    return Launcher(command, launch_options, spool).run()
