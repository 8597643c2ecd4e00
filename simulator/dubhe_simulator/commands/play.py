"""Play the platform for an algorithm: train, evaluate, infer, and show what was said."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from pathlib import Path

from dubhe_sdk.environment import brokers, text
from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_simulator import interrupts
from dubhe_simulator.algorithm.dataset import read_dataset
from dubhe_simulator.algorithm.layout import PROTOCOLS, read_algorithm
from dubhe_simulator.commands.hosts import add_host_options, hosts_of
from dubhe_simulator.contract.payload_options import json_object
from dubhe_simulator.contract.topics import topics
from dubhe_simulator.errors import CannotPlay, Stopped, TaskFailed
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.backend import InstanceBackend, LocalBackend
from dubhe_simulator.stage import RunConfig
from dubhe_simulator.story import StoryReport, new_run_folder, play
from dubhe_simulator.terminal.progress import Terminal
from dubhe_simulator.terminal.report import report_lines, tail_lines
from dubhe_simulator.terminal.screen import Screen

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2


def main(argv: list[str]) -> int:
    """Play the story and return the exit status: 0, 1 failed, 2 usage, 128 + n signal."""
    options = _parser().parse_args(argv)
    screen = Screen(sys.stdout)
    try:
        with interrupts.watched():
            return _play(options, screen)
    except Stopped as stopped:
        return _stopped_status(stopped, screen)


def _play(options: argparse.Namespace, screen: Screen) -> int:
    try:
        backend = _site(options)
        dataset = read_dataset(options.data_dir or options.algorithm / "data")
        params = json_object("--special-params", options.special_params)
        config = RunConfig(
            backend,
            new_run_folder(options.runs_dir),
            brokers=brokers({"BOOTSTRAP_SERVERS": options.brokers}),
            topics=topics(os.environ),
            special_params=params,
            ready_timeout=options.ready_timeout,
            task_timeout=options.task_timeout,
        )
        screen.line(backend.title)
        report = play(config, dataset, options.images, Terminal(screen))
    except (CannotPlay, EnvironmentInvalid, OSError) as error:
        screen.line(translate("failed", error=error))
        return EXIT_FAILED
    except TaskFailed as failure:
        screen.line(translate("failed", error=failure))
        for line in tail_lines(failure.logs):
            screen.line(line)
        return EXIT_FAILED
    screen.line()
    for line in report_lines(report):
        screen.line(line)
    return _exit_status(report, screen)


def _site(options: argparse.Namespace) -> InstanceBackend:
    if options.on:
        return hosts_of(options)
    return LocalBackend(read_algorithm(options.algorithm, options.protocol))


def _exit_status(report: StoryReport, screen: Screen) -> int:
    status = EXIT_OK
    for kind, stage in report.stages.items():
        tally = stage.tally
        if not stage.complete:
            name = translate(f"kind_{kind.value}")
            error = translate(
                "incomplete",
                kind=name,
                gaps=stage.reported - tally.received + tally.repeats,
                repeats=tally.repeats,
            )
            screen.line(translate("failed", error=error))
            status = EXIT_FAILED
    return status


def _stopped_status(stopped: Stopped, screen: Screen) -> int:
    with contextlib.suppress(Stopped):  # nobody reads any more; the exit status still tells
        screen.line(translate("stopped_by", name=signal.Signals(stopped.signum).name))
    return stopped.exit_status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dubhe play", description=translate("help"), epilog=translate("help_exit")
    )
    add = parser.add_argument
    here = Path()
    add(
        "algorithm",
        nargs="?",
        type=Path,
        default=here,
        metavar="ALGORITHM_DIR",
        help=translate("help_algorithm"),
    )
    add("--protocol", choices=PROTOCOLS, help=translate("help_protocol"))
    add("--data-dir", type=Path, metavar="DIR", help=translate("help_data"))
    add("--runs-dir", type=Path, default=here / "runs", metavar="DIR", help=translate("help_runs"))
    add(
        "--brokers",
        default=os.environ.get("BOOTSTRAP_SERVERS", ""),
        metavar="HOST:PORT",
        help=translate("help_brokers"),
    )
    add(
        "--special-params",
        default=text(os.environ, "special_params"),
        metavar="JSON",
        help=translate("help_params"),
    )
    add("--images", type=_positive, default=6, metavar="N", help=translate("help_images"))
    add_host_options(parser, 120.0)
    add(
        "--task-timeout",
        type=float,
        default=3600.0,
        metavar="SECONDS",
        help=translate("help_task_timeout"),
    )
    return parser


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise ValueError(value)
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
