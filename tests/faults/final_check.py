"""The end of a run or test: everything delivered, everything read, compared."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from dubhe_sdk.process.command import dubhe_command
from dubhe_sidecar import dead_letters
from tests.faults import report_counter
from tests.faults.consumer import dead_letter, receive
from tests.faults.container import Container
from tests.faults.verdict import Verdict, judge
from tests.kafka.broker import Broker

# Each refused record costs seconds while much is in flight, and a long run leaves many.
_DRAIN_SECONDS = 1200.0


def drain(container: Container) -> None:
    """Have everything delivered that a container has left in its spool.

    Raises:
        RuntimeError: it was not.
    """
    command = [*dubhe_command(), "sidecar", "--drain"]
    with (container.app.folder / "console.txt").open("ab") as console:
        done = subprocess.run(
            command,
            env=container.app.env,
            stdout=console,
            stderr=console,
            timeout=_DRAIN_SECONDS,
            check=False,
        )
    left = container.report.undelivered
    if done.returncode or left:
        raise RuntimeError(f"{container.name}: drain ended with {done.returncode}, {left} left")


def conclude(broker: Broker, containers: Sequence[Container]) -> Verdict:
    """Read all topics and compare with the counters; everything has ended and is delivered."""
    topics = dict.fromkeys(topic for one in containers for pair in one.topics for topic in pair)
    counters = {
        k: v for one in containers for k, v in report_counter.read_all(one.counters).items()
    }
    letters = [dead_letter(e) for one in containers for e in dead_letters.read(one.spool)]
    dropped = sum(one.report.dropped for one in containers)
    verdict = judge(counters, receive(broker.plain_bootstrap, topics), letters, dropped)
    delivered = sum(one.report.delivered for one in containers)
    if delivered != verdict.records:
        verdict.add_problem("miscounted", f"{delivered} reported, {verdict.records} received")
    return verdict
