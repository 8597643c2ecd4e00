"""The algorithm of the services under fault; copied as ``app.py`` into their folders.

A request's ``algorithm_id`` is ``TASK:COUNT:PACE``: each of three processes (the model, one forked
from it, one spawned) reports so many messages, with so many seconds between two.
"""

import os
import subprocess
import sys
import time

import dubhe_sdk
from tests.faults.numbered_reports import NumberedReporter


def report_messages(ctx: dubhe_sdk.Context) -> None:
    _, count, pace = str(ctx.get(dubhe_sdk.ContextKey.KEY_ALGORITHM_ID)).split(":")
    reporter = NumberedReporter(ctx)
    for _ in range(int(count)):
        reporter.report(reporter.size())
        time.sleep(float(pace))


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
        forked = fork_rank(ctx)
        spawned = subprocess.Popen([sys.executable, "-m", "tests.faults.rank"])
        report_messages(ctx)
        os.waitpid(forked, 0)
        spawned.wait()
