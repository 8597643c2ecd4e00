"""A rank: the algorithm's script, started again by a launcher such as torchrun.

Below a task (the method has started ``torchrun app.py``, or Lightning has started the script again
for its other ranks) it runs the task's method with the task's request and ends. Beside the service
(``torchrun app.py`` in ``run.sh``) it takes part in each task of rank 0. It is no service, and says
neither START nor END. What it raises is in the log with its traceback, and in the task's END.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dubhe_sdk.api import registry
from dubhe_sdk.api.context import Context
from dubhe_sdk.api.current_task import current_context
from dubhe_sdk.api.kept_context import KeptContext
from dubhe_sdk.api.parameters import with_instance
from dubhe_sdk.api.stopping import TASK_VARIABLE
from dubhe_sdk.api.task_reports import RESULTS_ONLY_VARIABLE
from dubhe_sdk.autostart import APP_VARIABLE, PROCESS_VARIABLE
from dubhe_sdk.contract.kind import TaskKind, kind_of
from dubhe_sdk.environment import Settings, read_settings
from dubhe_sdk.errors import AppInvalid, TaskStopped
from dubhe_sdk.ipc.group_failures import GroupFailures
from dubhe_sdk.ipc.identity import manual_instance_id
from dubhe_sdk.ipc.rank_failures import write_failure
from dubhe_sdk.logs.algorithm import show_unconfigured
from dubhe_sdk.logs.log import open_log
from dubhe_sdk.model.app import construct, run_app
from dubhe_sdk.model.failure import describe, is_success, log_failure
from dubhe_sdk.model.outcome import check_task
from dubhe_sdk.model.rank_group import RankGroup, group_file
from dubhe_sdk.model.stop import StopSignal
from dubhe_sdk.rank_environment import rank_of

EXIT_FAILED = 1
EXIT_STOPPED = 128 + signal.SIGTERM

RANK_PROCESS = "rank"


def main(argv: list[str]) -> int:
    """Be a rank. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="dubhe rank", description="internal")
    parser.add_argument("--wait", action="store_true", help="for the tasks of rank 0")
    parser.add_argument("--module", default="")
    parser.add_argument("app", type=Path)
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args(argv)
    stop = StopSignal()
    stop.install()
    settings = read_settings()
    log = open_log(settings.log_file)
    stop.log_to(log)
    show_unconfigured(log)
    rank = rank_of(os.environ) or 0
    try:
        _refuse_nesting(options.app)
        os.environ[PROCESS_VARIABLE], os.environ[APP_VARIABLE] = RANK_PROCESS, str(options.app)
        with stop.task():
            method = _construct(options, settings, rank)
            if options.wait:
                for _ in RankGroup.of(settings.temporary, os.environ).tasks(rank):
                    check_task(method(current_context()))
            else:
                check_task(method(current_context()))
    except TaskStopped:
        return EXIT_STOPPED
    except BaseException as error:  # noqa: BLE001 - logged, and said in the task's END
        if is_success(error):
            return 0
        log_failure(log, f"rank {rank} failed", error)
        task_file = os.environ.get(TASK_VARIABLE)
        if task_file:
            write_failure(Path(task_file), rank, describe(error))
        if options.wait:
            GroupFailures(group_file(settings.temporary, os.environ)).write(rank, describe(error))
        return EXIT_FAILED
    finally:
        logging.shutdown()
    return 0


def _refuse_nesting(app: Path) -> None:
    if os.environ.get(PROCESS_VARIABLE) == RANK_PROCESS:
        raise AppInvalid(
            f"a rank has started {app} again: it would start ranks without end. Start the launcher "
            "only where it has not been: if 'WORLD_SIZE' not in os.environ, or the variable that "
            "your launcher sets in its place"
        )


def _construct(
    options: argparse.Namespace, settings: Settings, rank: int
) -> Callable[[Context], Any]:
    script = run_app(options.app, options.arguments, options.module)
    if settings.instance_id is None:
        kind = registry.default_kind() or TaskKind.TRAIN
        settings = with_instance(settings, manual_instance_id(options.app, kind))
    pipeline = registry.find(kind_of(settings.instance_id or ""), script)
    if rank and not pipeline.all_ranks:
        os.environ[RESULTS_ONLY_VARIABLE] = "1"
    context = KeptContext(settings)
    method = construct(pipeline, context)
    context.end_construction()
    return method
