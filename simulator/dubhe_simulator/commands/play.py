"""Run an algorithm on the local platform in a terminal: train, evaluate, infer, report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator import interrupts
from dubhe_simulator.algorithm.dataset import EXAMPLES
from dubhe_simulator.commands.options import (
    EXIT_FAILED,
    EXIT_OK,
    add_seconds,
    adder,
    command_parser,
    positive,
    run_command,
)
from dubhe_simulator.commands.platform_options import add_platform_options, platform_config
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.platform.state.message_stats import MessageStats
from dubhe_simulator.platform.workflow import WorkflowRequest
from dubhe_simulator.platform.workflow_events import WorkflowEnded, WorkflowEvent
from dubhe_simulator.terminal.progress import Terminal
from dubhe_simulator.terminal.report import report_lines, tail_lines
from dubhe_simulator.terminal.screen import Screen

SOURCE_TIMEOUT_S = 10.0
OUTAGE_TIMEOUT_S = 120.0
SIGNAL_STEP_S = 0.5


def main(argv: list[str]) -> int:
    """Run the workflow; return the exit status: 0, 1 failed, 2 usage, 128 + n signal."""
    options = _parser().parse_args(argv)
    screen = Screen(sys.stdout)
    return run_command(lambda: _play(options, screen), screen, "stopped_by")


def _play(options: argparse.Namespace, screen: Screen) -> int:
    config = platform_config(
        options,
        options.algorithm,
        skip_history=True,
        adopt=False,
        task_timeout_s=options.task_timeout,
        outage_timeout_s=OUTAGE_TIMEOUT_S,
    )
    assert config.backend is not None
    screen.line(config.backend.title)
    with ExitStack() as stack:
        with interrupts.deferred():  # or nobody would close it
            platform = Platform(config)
            stack.callback(platform.close)
            platform.start()
        platform.wait_for_source(SOURCE_TIMEOUT_S)
        return _watch(platform, WorkflowRequest(images=options.images, stop_all=True), screen)


def _watch(platform: Platform, request: WorkflowRequest, screen: Screen) -> int:
    """Show a workflow until its end, then the report."""
    # The workflow has a thread of its own: signals interrupt this one alone, which holds nothing.
    events: SimpleQueue[WorkflowEvent] = SimpleQueue()
    platform.workflow.begin(request, events.put)
    terminal = Terminal(screen)
    while not isinstance(event := _next(events), WorkflowEnded):
        terminal.show(event)
    if event.failure is not None:
        return _failed(event, screen)
    result = event.result
    stats = {kind: platform.message_stats(name) for kind, name in result.instances.items()}
    for line in report_lines(platform, result, stats):
        screen.line(line)
    return _exit_status(stats, screen)


def _next(events: SimpleQueue[WorkflowEvent]) -> WorkflowEvent:
    """Wait for the next event, in steps.

    Python runs a signal's handler between two instructions. One that arrives when a wait is about
    to begin would only be handled after it, which may be never.
    """
    while True:
        with suppress(Empty):
            return events.get(timeout=SIGNAL_STEP_S)


def _failed(ended: WorkflowEnded, screen: Screen) -> int:
    assert ended.failure is not None
    error = str(ended.failure)
    if instance := ended.result.instances.get(ended.kind):
        kind = translate(f"kind_{ended.kind.value}")
        error = translate("task_failed", kind=kind, instance_id=instance, text=error)
    screen.line(translate("failed", error=error))
    for line in tail_lines(ended.failure.logs):
        screen.line(line)
    return EXIT_FAILED


def _exit_status(stats: Mapping[TaskKind, MessageStats], screen: Screen) -> int:
    status = EXIT_OK
    for kind, of in stats.items():
        if not of.complete:
            name = translate(f"kind_{kind.value}")
            error = translate("incomplete", kind=name, gaps=of.missing, duplicates=of.duplicates)
            screen.line(translate("failed", error=error))
            status = EXIT_FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("play", "help", "help_exit")
    add = adder(parser)
    add(
        "algorithm",
        help="help_algorithm",
        nargs="?",
        type=Path,
        default=Path(),
        metavar="ALGORITHM_DIR",
    )
    add("--images", help="help_images", type=positive, default=EXAMPLES, metavar="N")
    add_platform_options(parser, ready_timeout=120.0)
    add_seconds(parser, "--task-timeout", 3600.0, "help_task_timeout")
    return parser
