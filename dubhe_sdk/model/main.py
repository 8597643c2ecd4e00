"""The model process from start to end: run the app, construct its class, serve.

Started by the service parent in an interpreter of its own, never forked, so that CUDA, threads
and memory are the algorithm's alone. It may hold the interpreter lock for minutes.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import signal
import socket
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from dubhe_sdk.api import registry, stopping
from dubhe_sdk.api.kept_context import KeptContext
from dubhe_sdk.api.parameters import with_instance
from dubhe_sdk.api.registry import BatchLimits
from dubhe_sdk.api.stopping import TASK_VARIABLE
from dubhe_sdk.autostart import APP_VARIABLE
from dubhe_sdk.contract.kind import TaskKind, kind_of
from dubhe_sdk.environment import Settings, read_settings
from dubhe_sdk.errors import AppInvalid
from dubhe_sdk.ipc.channel import Channel
from dubhe_sdk.ipc.identity import manual_instance_id
from dubhe_sdk.logs.algorithm import show_unconfigured
from dubhe_sdk.logs.log import open_log
from dubhe_sdk.model.app import construct, run_app
from dubhe_sdk.model.failure import describe, log_failure, log_hints
from dubhe_sdk.model.fork_guard import foreign_code, keep_private
from dubhe_sdk.model.inferences import InferenceServer
from dubhe_sdk.model.rank_group import RankGroup
from dubhe_sdk.model.stop import StopSignal
from dubhe_sdk.model.tasks import TaskRunner
from dubhe_sdk.process.linux import die_with_parent
from dubhe_sdk.process.memory import raise_oom_score
from dubhe_sdk.rank_environment import rank_of

EXIT_FAILED = 1


def main(argv: list[str]) -> int:
    """Be the model process. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="dubhe model", description="internal")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--module", default="")
    parser.add_argument("app", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args(argv)
    die_with_parent(options.parent, signal.SIGKILL)
    raise_oom_score()
    faulthandler.enable()
    control = socket.socket(fileno=options.control_fd)
    keep_private(control)
    channel = Channel(control)
    os.set_inheritable(options.control_fd, False)
    stop = StopSignal()
    stop.install()
    stopping.ask_by_signal()
    settings = read_settings()
    log = open_log(settings.log_file)
    stop.log_to(log)
    show_unconfigured(log)
    if settings.platform_mode:  # the platform gives a container one GPU
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    os.environ[APP_VARIABLE] = str(options.app)
    # For child processes, also those that live before the first task.
    os.environ[TASK_VARIABLE] = str(options.run_dir / "task.json")
    try:
        with stop.task(), foreign_code(log):
            script = run_app(options.app, options.arguments, options.module)
            settings, method, batches = _construct(options.app, script, settings, channel)
    except BaseException as error:  # noqa: BLE001 - sent to the parent, which ends the service
        if stop.asked:
            channel.send({"op": "leaving"})
            return EXIT_FAILED
        if not isinstance(error, AppInvalid):  # else one line is enough: the parent's
            log_failure(log, "the model cannot be constructed", error)
        log_hints(log, options.app)
        channel.send({"op": "failed", "error": describe(error)})
        return EXIT_FAILED
    stop.resume()
    ranks = None
    if rank_of(os.environ) is not None:  # a launcher in run.sh has started others beside it
        ranks = RankGroup.of(settings.temporary, os.environ)
    with nullcontext() if ranks is None else ranks.lead():
        return _serve(method, batches, settings, channel, stop, options, log, ranks)


def _construct(
    app: Path, script: str, settings: Settings, channel: Channel
) -> tuple[Settings, Callable[[Any], Any], BatchLimits | None]:
    """Choose the class for the instance's kind and construct it."""
    if settings.instance_id is None:
        kind = registry.default_kind() or TaskKind.TRAIN
        settings = with_instance(settings, manual_instance_id(app, kind))
    instance_id = settings.instance_id or ""
    channel.send({"op": "hello", "instance_id": instance_id})
    context = KeptContext(settings)
    pipeline = registry.find(kind_of(instance_id), script)
    method = construct(pipeline, context)
    context.end_construction()
    return settings, method, pipeline.batches


def _serve(
    method: Callable[[Any], Any],
    batches: BatchLimits | None,
    settings: Settings,
    channel: Channel,
    stop: StopSignal,
    options: argparse.Namespace,
    log: logging.Logger,
    ranks: RankGroup | None,
) -> int:
    if settings.kind is TaskKind.INFER:
        server = InferenceServer(
            method, settings, options.socket, options.concurrency, stop, log, batches is not None
        )
        if batches is not None:
            wait = batches.wait_seconds
            channel.send({"op": "batches", "size": batches.size, "wait_seconds": wait})
        channel.send({"op": "constructed"})
        server.serve()
    else:
        task_file = options.run_dir / "task.json"
        runner = TaskRunner(method, settings, task_file, channel, stop, log, ranks)
        channel.send({"op": "constructed"})
        runner.serve()
    # From here on nothing but the interpreter's end is waited for.
    channel.send({"op": "leaving"})
    return 0
