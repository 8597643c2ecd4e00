"""What the tests of export and import have stored, and how it is read again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dubhe_simulator.export.run_data import RunData
from dubhe_simulator.platform.ingest import Ingest
from dubhe_simulator.platform.state.change_feed import ChangeFeed
from dubhe_simulator.platform.state.records import InstanceRecord
from dubhe_simulator.platform.state.registry import InstanceRegistry
from dubhe_simulator.platform.storage.database import Database, StoredRuns
from dubhe_simulator.sources.record import RecordBatch
from tests.page.store import BEGAN_MS, SaidMessage, record, task

TRAIN, EVALUATE, INFER = "tool-a1-train-1", "tool-a1-forecast-1", "tool-a1-inference-1"
EPOCHS = 6
REQUEST = {"req_type": 1, "instance_id": TRAIN, "special_params": {"lr": 0.1, "名": "值"}}
INFERENCE = {"req_type": 3, "instance_id": INFER, "image_names": ["x.png"]}
REPLY = {
    "flag": 1,
    "message": "model inference success",
    "data": [{"img_path": "x.png", "info": [_found := {"predict_code": "dent", "conf": 0.75}]}],
}
_found["ground_true"] = ""


def training(offset: float = 0.0) -> Iterator[SaidMessage]:
    yield task("START")
    for epoch in range(1, EPOCHS + 1):
        data = {"loss": 1 / epoch + offset, "val/loss": 2 / epoch, "val": epoch, "损失 %": -epoch}
        if epoch == 3:
            data["loss"] = "NaN"  # type: ignore[assignment]
        yield "alg_model_progress", 2, {**data, "progress": epoch / EPOCHS, "epoch": epoch}
    yield task("END")


def evaluation() -> Iterator[SaidMessage]:
    yield task("START")
    for number, predicted in enumerate(["dent", "dent", "scratch", ""]):
        info = {"ground_true": "dent", "predict_code": predicted, "conf": 0.5 + number / 10}
        yield "als_model_result", 3, [{"img_path": f"/data/{number}.png", "info": [info]}]
    yield "als_model_result", 3, {"own": ["format", 1]}
    yield task("END")


@contextmanager
def opened(runs: Path) -> Iterator[tuple[InstanceRegistry, Ingest]]:
    """Yield what takes messages in, as a platform has it."""
    runs.mkdir(parents=True, exist_ok=True)
    database = Database(runs)
    registry = InstanceRegistry(database, ChangeFeed(), "session")
    ingest = Ingest(registry, database)
    ingest.prepare()
    ingest.start()
    yield registry, ingest
    ingest.close()
    database.close()


def _are_in(registry: InstanceRegistry, instance: str, messages: int) -> bool:
    found = registry.instances.get(instance)
    return found is not None and found.reported.messages >= messages


def fill(runs: Path) -> None:
    """Store two trainings of one instance, an evaluation and an inference."""
    said = {TRAIN: [*training(), *training(0.5)], EVALUATE: [*evaluation()]}
    with opened(runs) as (registry, ingest):
        registry.enter(TRAIN, lambda record: None)
        registry.sent(TRAIN, BEGAN_MS - 5, REQUEST, {"flag": 1}, None, 2.5)
        for instance, messages in said.items():
            records = [record(instance, n, *message) for n, message in enumerate(messages)]
            ingest.put(RecordBatch(instance, records, "end"))
            with registry.changed:
                registry.changed.wait_for(partial(_are_in, registry, instance, len(records)), 30)
        registry.enter(INFER, lambda record: setattr(record.managed, "created_ms", BEGAN_MS))
        registry.sent(INFER, BEGAN_MS, INFERENCE, REPLY, None, 30.0)
        ingest.settle(30)
        registry.annotate([1], {"name": "first", "tags": ("好", "base"), "turned": True})


@contextmanager
def reading(runs: Path) -> Iterator[list[RunData]]:
    database = StoredRuns(runs)
    registry = InstanceRegistry(database, ChangeFeed(), "")
    yield [RunData(registry, database, run) for run in registry.runs]
    database.close()


def content(data: RunData) -> dict[str, Any]:
    """Everything that is told of a run but its numbers in the database."""
    facts = json.loads(json.dumps(data.facts()))
    del facts["run"]["id"], facts["run"]["number"]
    points = {name: [(s, e, t, repr(v)) for s, e, t, v in data.points(name)]
              for name in data.metrics()}  # fmt: skip
    results = [(instance, *rest) for instance, _, *rest in data.result_rows()]
    messages = [json.loads(message.value) for message in data.messages()]
    return {**facts, "points": points, "results": results, "messages": messages}


def fill_stopped(runs: Path) -> dict[str, bool]:
    """Store trainings that ended badly; return which of them somebody stopped."""
    end = {"action": "END", "status": 300}

    def ended(instance: str, what: str) -> list[SaidMessage]:
        return [task("START"), ("alg_model_progress", 1, {**end, "msg": f"{instance} {what}"})]

    asked_after_ms = {"asked": 5, "late": 15, "killed": 5}  # START is at 0, END at 10
    said = {
        "own-a1-train-1": "current model error the task was stopped by SIGTERM before its end",
        "asked-a1-train-1": "current model error KeyboardInterrupt",
        "late-a1-train-1": "current model error ValueError",
        "failed-a1-train-1": "current model error Wrong: the task was stopped before its end",
        "killed-a1-train-1": "",
    }
    with opened(runs) as (registry, ingest):
        for instance, what in said.items():
            asked = asked_after_ms.get(instance.partition("-")[0])

            def change(record: InstanceRecord, asked: int | None = asked) -> None:
                record.managed.owned, record.managed.exit_status = True, 143
                if asked is not None:
                    record.managed.stopped, record.managed.stopped_ms = True, BEGAN_MS + asked

            registry.enter(instance, change)
            messages = ended(instance, what) if what else [task("START")]
            records = [record(instance, n, *message) for n, message in enumerate(messages)]
            ingest.put(RecordBatch(instance, records, "end"))
            with registry.changed:
                registry.changed.wait_for(partial(_are_in, registry, instance, len(records)), 30)
        ingest.settle(30)
    return {instance: instance[:4] in ("own-", "aske", "kill") for instance in said}
