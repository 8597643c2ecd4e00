"""Fill a platform's folder with long curves: ``fill.py RUNS INSTANCES POINTS``.

A process of its own, run with the sources of the build that is to read the folder. It goes past
ingest, which is not measured here, and stores points as the registry does.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from dubhe_simulator.platform.state.change_feed import ChangeFeed
from dubhe_simulator.platform.state.registry import InstanceRegistry
from dubhe_simulator.platform.storage.database import Database

BEGAN_MS = 1_750_000_000_000
STEP = 50_000


def fill(runs: Path, instances: int, points: int) -> None:
    """Store one run with one metric for each instance."""
    runs.mkdir(parents=True)
    database = Database(runs)
    registry = InstanceRegistry(database, ChangeFeed(), "")
    for number in range(instances):
        record = registry.record(f"long-a1-train-{number}")
        run = registry.runs.add(record, BEGAN_MS)
        registry.note(record.id, lambda record: None)
        for step in range(points):
            value = math.exp(-step / points) + math.sin(step * 0.7) / 20
            registry.curves.append(run.id, "loss", step / 1000, BEGAN_MS + step * 10, value)
            if step % STEP == STEP - 1:
                save(registry, database)
        registry.runs.end(record, BEGAN_MS + points * 10, 200, "")
        save(registry, database)
    database.mark_derived()
    database.close()


def save(registry: InstanceRegistry, database: Database) -> None:
    """Write what has changed."""
    writes = registry.collect()
    if writes is not None:
        with database.transaction() as connection:
            writes.write(connection)
        registry.confirm(writes)


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
