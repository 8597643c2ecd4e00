"""The algorithm of the services under fault; copied as ``app.py`` into their folders.

A request's ``algorithm_id`` is ``TASK:COUNT:PACE``: each of three processes (the model, one forked
from it, one spawned) reports so many messages, with so many seconds between two. It has bad habits:
a helper that it forks leaves the method in one way or another, and a thread reports on when the
method has returned.
"""

import os
import subprocess
import sys
import threading
import time

import dubhe_sdk
from tests.faults.numbered_reports import NumberedReporter

LATE_MESSAGES = 20
LATE_PACE_SECONDS = 0.005


def report_messages(ctx: dubhe_sdk.Context, *, main: bool = False) -> None:
    """Report what the task is to report.

    Args:
        ctx: the task's context.
        main: whether to say at the end that the task is complete.
    """
    _, count, pace = str(ctx.get(dubhe_sdk.ContextKey.KEY_ALGORITHM_ID)).split(":")
    reporter = NumberedReporter(ctx)
    for _ in range(int(count)):
        reporter.report(reporter.size())
        time.sleep(float(pace))
    if main:
        reporter.report_complete()


def report_late(ctx: dubhe_sdk.Context, returning: threading.Event) -> None:
    """Report while the task ends, and afterwards."""
    reporter = NumberedReporter(ctx, late=True)
    returning.wait()
    for _ in range(LATE_MESSAGES):
        reporter.report(reporter.size())
        time.sleep(LATE_PACE_SECONDS)


def fork_rank(ctx: dubhe_sdk.Context) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            report_messages(ctx)
            status = 0
        finally:
            os._exit(status)
    return pid


@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx: dubhe_sdk.Context) -> None:
        pass

    @dubhe_sdk.train()
    def train(self, ctx: dubhe_sdk.Context) -> None:
        returning = threading.Event()
        threading.Thread(target=report_late, args=(ctx, returning), daemon=True).start()
        helper = os.fork()
        if helper == 0:
            task = int(str(ctx.get("algorithm_id")).split(":")[0])
            if task % 3 == 0:
                sys.exit(0)
            if task % 3 == 1:
                raise OSError("the helper failed")
            return
        forked = fork_rank(ctx)
        spawned = subprocess.Popen([sys.executable, "-m", "tests.faults.rank"])
        report_messages(ctx, main=True)
        for child in (helper, forked):
            os.waitpid(child, 0)
        spawned.wait()
        returning.set()
