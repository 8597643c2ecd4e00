"""An algorithm's processes without a service: ``python -m tests.faults.writer_group [OPTIONS]``.

The first process reports, keeps some processes beside it, forked from it in the middle of its
own speech or spawned, and replaces those that die. All end on SIGTERM, or with the first one.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

from dubhe_sdk import Context
from tests.faults.numbered_reports import TOO_LARGE, NumberedReporter


def report_messages(options: argparse.Namespace, go_on: Callable[[], bool]) -> None:
    """Say messages, at the pace given, until all are reported or there is no reason to go on."""
    reporter = NumberedReporter(Context())
    size = partial(random.randint, *options.sizes) if options.sizes else reporter.size
    for number in itertools.count(1):
        if number > options.count > 0 or not go_on():
            return
        refused = options.refused and number % options.refused == 0
        reporter.report(TOO_LARGE if refused else size())
        time.sleep(options.pace)


class WriterGroup:
    """The first process's view of the others."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._living: list[int] = []
        self._begun = 0
        self._stopping = False
        self._parent = os.getppid()

    def run(self) -> None:
        """Speak and keep the others going; wait for them at the end."""
        signal.signal(signal.SIGTERM, self._on_term)
        report_messages(self._options, self._look)
        while self._living and not (self._stopping and self._stop_all()):
            self._reap(os.WNOHANG if self._stopping else 0)

    def _look(self) -> bool:
        self._reap(os.WNOHANG)
        self._stopping |= os.getppid() != self._parent  # the container parent was killed
        if not self._stopping and len(self._living) < self._options.others and self._may_begin():
            self._begun += 1
            self._living.append(self._fork() if self._begun % 2 else self._spawn())
        return not self._stopping

    def _may_begin(self) -> bool:
        """Those who report a number of messages are begun once, the others are replaced."""
        return self._options.count == 0 or self._begun < self._options.others

    def _reap(self, how: int) -> None:
        if self._living:
            pid, _ = os.waitpid(-1, how)
            if pid:
                self._living.remove(pid)

    def _stop_all(self) -> bool:
        for pid in self._living:
            os.kill(pid, signal.SIGTERM)  # not reaped yet, so the number is still theirs
        while self._living:
            self._reap(0)
        return True

    def _fork(self) -> int:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                alone(self._options, os.getppid())
                status = 0
            finally:
                os._exit(status)
        return pid

    def _spawn(self) -> int:
        arguments = ["--alone", str(os.getpid()), *sys.argv[1:]]
        process = subprocess.Popen([sys.executable, "-m", "tests.faults.writer_group", *arguments])
        process.returncode = 0  # waited for here, not by subprocess
        return process.pid

    def _on_term(self, _signum: int, _frame: object) -> None:
        self._stopping = True


def alone(options: argparse.Namespace, parent: int) -> None:
    """Be one of the others, for as long as the first one lives."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda signum, _: stopping.append(signum))
    report_messages(options, lambda: not stopping and os.getppid() == parent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--others", type=int, default=0, help="processes beside the first")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between two messages")
    parser.add_argument("--sizes", type=int, nargs=2, help="bytes: at least, at most")
    parser.add_argument("--count", type=int, default=0, help="messages of each; 0: for ever")
    parser.add_argument("--refused", type=int, default=0, help="every N-th is larger than allowed")
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)  # PID of the first one
    options = parser.parse_args()
    if options.alone:
        alone(options, options.alone)
    else:
        WriterGroup(options).run()


if __name__ == "__main__":
    main()
