"""The soak, as much of it as CI has time for: what grows with messages or tasks shows soon."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import soak
from tests.kafka.fixtures import BrokerFactory

pytestmark = pytest.mark.slow

# A leak of 100 bytes a message would be 3 MiB, one of 4 kB a task as well.
ALLOWED_KIB = 3 * 1024


def test_memory_is_flat_at_1000_messages_a_second_while_the_broker_restarts(
    make_broker: BrokerFactory, tmp_path: Path
) -> None:
    prints, line = soak.messages(
        *(tmp_path / "app", make_broker().start(), 12.0, 1000),
        outage_every=2.0,
        outages_min=2,
        sample_every=0.4,
    )
    print(line, prints.table(), sep="\n")
    assert int(line.split(" restarts")[0].split()[-1]) >= 2
    prints.check(ALLOWED_KIB)


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_memory_is_flat_over_many_tasks(tmp_path: Path, protocol: str) -> None:
    prints, line = soak.tasks(tmp_path / "app", protocol, 400, 10)
    print(line, prints.table(), sep="\n")
    prints.check(ALLOWED_KIB)
