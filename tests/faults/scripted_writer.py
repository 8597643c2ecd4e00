"""An algorithm's process that reports numbered messages and knows how many: `ScriptedWriter`.

Run as ``python -m tests.faults.scripted_writer`` it obeys lines of JSON ``[what, count, size]`` and
shows, for each, how long the slowest call took, in seconds. ``what``: progress, result, START, END.
"""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from dubhe_sdk import Context
from dubhe_sdk.contract import messages
from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.contract.messages import MessageType
from dubhe_sdk.environment import read_settings
from dubhe_sdk.reporting.reporter import Reporter
from dubhe_sdk.spool.frame import Kind
from tests.dubhe_sdk.spool.helpers import INSTANCE_ID, ROOT


class ScriptedWriter:
    """The test's end of such a process.

    Args:
        process: with pipes.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.reported: dict[str, int] = {}
        """How many messages of each kind were reported."""

    def report(self, what: str, count: int = 1, size: int = 100) -> float:
        """Have messages reported; return the slowest call's duration in seconds."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([what, count, size]).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the algorithm died of it"
        self.reported[what] = self.reported.get(what, 0) + count
        return float(answer)

    @property
    def total(self) -> int:
        """All that was reported."""
        return sum(self.reported.values())

    def end(self) -> None:
        """Have the process end by itself."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(60) == 0


@contextlib.contextmanager
def scripted_writer(
    env: Mapping[str, str], *, file_limit: int = 0, command: tuple[str, ...] = ()
) -> Iterator[ScriptedWriter]:
    """Run a scripted writer.

    Args:
        env: its environment.
        file_limit: RLIMIT_FSIZE in bytes; 0: none.
        command: words before ``python``, as ``faketime``.
    """
    process = subprocess.Popen(
        [*command, sys.executable, "-m", "tests.faults.scripted_writer", str(file_limit)],
        cwd=ROOT,
        env={**env, "INSTANCE_ID": INSTANCE_ID},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield ScriptedWriter(process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def main() -> None:
    """Obey."""
    if limit := int(sys.argv[1]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    settings = read_settings()
    context = Context({}, settings)
    # START and END are the service parent's to report: of this process, but in a stream of its own.
    service = Reporter(settings, INSTANCE_ID)
    numbers: dict[str, int] = {}
    for line in sys.stdin:
        what, count, size = json.loads(line)
        worst = 0.0
        for _ in range(count):
            numbers[what] = number = numbers.get(what, 0) + 1
            begin = time.monotonic()
            _report(context, service, what, number, "x" * size)
            worst = max(worst, time.monotonic() - begin)
        sys.stdout.write(f"{worst}\n")
        sys.stdout.flush()


def _report(context: Context, service: Reporter, what: str, number: int, padding: str) -> None:
    data: dict[str, Any]
    if what == "progress":
        context.logProgressByEpoch(1, 0.5, {"n": number, padding: 0})
    elif what == "result":
        context.logResult({"n": number, "padding": padding})
    else:
        data = messages.start(TaskKind.TRAIN) if what == "START" else messages.end(TaskKind.TRAIN)
        service.report(Kind[what], MessageType.TASK, data)


if __name__ == "__main__":
    main()
