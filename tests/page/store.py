"""Fills a platform's runs folder with a long training and a large evaluation.

A process of its own: ``python -m tests.page.store RUNS IMAGE…``.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.platform.run_config import RunConfig
from dubhe_simulator.sources.record import RecordBatch, SourceRecord
from tests.support.waiting import wait_for

POINTS = 1_000_000
RESULTS = 10_000
STEP = 20_000
TIMEOUT_S = 120
BEGAN_MS = 1_750_000_000_000
TRAIN = "load-a1-train-1"
EVALUATE = "load-a1-forecast-1"
SaidMessage = tuple[str, int, Any]
CLASSES = [f"class {number}" for number in range(8)]


def fill(runs: Path, images: list[Path]) -> None:
    """Store what two instances said; of the training's points, most are put beside the messages.

    A million messages would take more than a minute, and what is looked at here are the points.

    Args:
        runs: the platform's folder; is made.
        images: what the results are of.
    """
    first = {"loss": loss(0), "progress": 1.0, "epoch": 0}
    training = [task("START"), ("alg_model_progress", 2, first), task("END")]
    with _opened(runs) as platform:
        _take_in(platform, {TRAIN: training, EVALUATE: evaluation(images)})
        [run] = [run for run in platform.registry.runs if run.instance == TRAIN]
        for begin in range(1, POINTS, STEP):
            with platform.registry.lock:
                for step in range(begin, min(POINTS, begin + STEP)):
                    at_ms = BEGAN_MS + (step + 1) * 10
                    platform.registry.curves.append(run.id, "loss", step // 1000, at_ms, loss(step))
            platform.ingest.settle(TIMEOUT_S)


def store(runs: Path, said: Mapping[str, Iterable[SaidMessage]]) -> None:
    """Store messages as a platform does that receives them.

    Args:
        runs: the platform's folder; is made.
        said: for each instance topic, ``mes_type`` and data of its messages.
    """
    with _opened(runs) as platform:
        _take_in(platform, said)


@contextmanager
def _opened(runs: Path) -> Iterator[Platform]:
    platform = Platform(RunConfig(runs))
    platform.ingest.prepare()
    platform.ingest.start()
    yield platform
    platform.ingest.close()
    platform.database.close()


def _take_in(platform: Platform, said: Mapping[str, Iterable[SaidMessage]]) -> None:
    total = 0
    for instance, messages in said.items():
        records: list[SourceRecord] = []
        for offset, (topic, kind, data) in enumerate(messages):
            records.append(record(instance, offset, topic, kind, data))
            if len(records) == STEP:
                platform.ingest.put(RecordBatch(instance, records, str(offset)))
                records = []
        platform.ingest.put(RecordBatch(instance, records, "end"))
        total += offset + 1
    last = "SELECT coalesce(max(id), 0) FROM messages"
    wait_for(lambda: platform.database.one(last)[0] == total, "all to be stored", TIMEOUT_S)


def record(instance: str, offset: int, topic: str, kind: int, data: Any) -> SourceRecord:
    at_ms = BEGAN_MS + offset * 10
    value = {
        "instance_id": instance,
        "request_number": offset + 1,
        "date": at_ms,
        "mes_type": kind,
        "data": data,
    }
    return SourceRecord(instance, topic, None, offset, at_ms, {}, json.dumps(value), instance)


def task(action: str) -> SaidMessage:
    return "alg_model_progress", 1, {"action": action, "status": 200, "msg": action}


def loss(step: int) -> float:
    """Falls, and swings; one point is a spike."""
    return 9.0 if step == POINTS // 3 else math.exp(-step / 2e5) + math.sin(step * 0.7) / 20


def evaluation(images: list[Path]) -> Iterator[SaidMessage]:
    yield task("START")
    for number in range(RESULTS):
        truth = CLASSES[number % 8]
        predicted = CLASSES[(number + (number % 17 == 0)) % 8]
        info = {
            "ground_true": truth,
            "predict_code": predicted,
            "conf": 0.5 + (number % 50) / 100,
            "shape_type": "rectangle",
            "position": [[10, 10], [60, 50]],
            "special": None,
        }
        image = str(images[number % len(images)])
        yield "als_model_result", 3, [{"img_path": image, "bbox_cnt": 1, "info": [info]}]
    yield task("END")


if __name__ == "__main__":
    runs, *images = map(Path, sys.argv[1:])
    fill(runs, images)
