"""A million points and ten thousand results, written once, read many times."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.dubhe_simulator.ui import Ui

TRAIN = "big-local-train-1"
FORECAST = "big-local-forecast-1"
POINTS = 1_000_000
METRICS = 4
RESULTS = 10_000


def line(instance: str, number: int, mes_type: int, data: object, batch: str = "") -> str:
    date = 1_700_000_000_000 + number
    headers = {"dubhe-writer": "w", "dubhe-seq": str(number + 1)}
    if batch:
        headers["dubhe-batch"] = batch
    value = {
        "instance_id": instance,
        "request_number": number + 1,
        "date": date,
        "mes_type": mes_type,
        "data": data,
    }
    record = {
        "offset": number,
        "topic": "t",
        "key": instance,
        "timestamp": date,
        "headers": headers,
        "value": value,
    }
    return json.dumps(record) + "\n"


def action(name: str) -> dict[str, object]:
    return {"action": name, "status": 200, "msg": name}


@dataclass
class Load:
    """Where it is, and the seconds it took to take it in: on a slow machine all takes longer."""

    runs: Path
    seconds: float


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """A runs folder whose platform has taken in everything, and was killed."""
    runs = tmp_path_factory.mktemp("load") / "runs"
    messages = POINTS // METRICS
    for kind in ("train", "evaluate"):
        (runs / "1" / kind / "journal").mkdir(parents=True)
    with (runs / "1" / "train" / "journal" / f"{0:020d}.jsonl").open("w") as file:
        file.write(line(TRAIN, 0, 1, action("START")))
        for n in range(messages):
            data = {f"m{k}": (n * 7919 % 1000) / 1000 + k for k in range(METRICS)}
            if n == messages // 3:
                data["m0"] = 50.0
            epoch, batch = divmod(n, 1000)
            data.update(progress=n / messages, epoch=epoch)
            file.write(line(TRAIN, n + 1, 2, data, f"{batch}/1000"))
    with (runs / "1" / "evaluate" / "journal" / f"{0:020d}.jsonl").open("w") as file:
        file.write(line(FORECAST, 0, 1, action("START")))
        for n in range(RESULTS):
            info = [
                {"ground_true": str(n % 10), "predict_code": str((n + (n % 7 == box)) % 10),
                 "conf": (n % 100) / 100}
                for box in range(2)
            ]  # fmt: skip
            data = [{"img_path": f"images/{n}.png", "info": info}]
            file.write(line(FORECAST, n + 1, 3, data))
        file.write(line(FORECAST, RESULTS + 1, 1, action("END")))
    begun = time.monotonic()
    with Ui(runs) as ui:
        ui.wait(lambda s: s["messages"] == messages + RESULTS + 3, timeout=250)
        seconds = time.monotonic() - begun
        ui.kill()
    return Load(runs, seconds)


def timed(ui: Ui, path: str, **query: object) -> tuple[float, dict[str, object]]:
    begun = time.perf_counter()
    found = ui.get(path, **query)
    return time.perf_counter() - begun, found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_usable_at_once_after_a_restart(load: Load) -> None:
    begun = time.monotonic()
    with Ui(load.runs) as ui:
        started = time.monotonic()
        state = ui.get("state")
        run = next(r for r in state["runs"] if r["instance"] == TRAIN)
        assert sum(m["points"] for m in run["metrics"]) == POINTS
        curve = ui.get("curves", run=run["id"], metric="m0", width=1000)
        first_curve = time.monotonic() - started
        assert max(curve["y"]) == 50.0, "the spike"
        assert first_curve < load.seconds / 10
        assert started - begun < load.seconds / 3
        for axis in ("step", "epoch", "time"):
            ui.get("curves", run=run["id"], metric="m0", width=1000, axis=axis)
            best = min(
                timed(ui, "curves", run=run["id"], metric="m0", axis=axis)[0] for _ in range(20)
            )
            assert best < load.seconds / 200, axis


def test_ten_thousand_results(load: Load) -> None:
    with Ui(load.runs) as ui:
        run = next(r["id"] for r in ui.get("state")["runs"] if r["instance"] == FORECAST)
        for path, query in (
            ("results", {"limit": 100}),
            ("results", {"limit": 100, "outcome": "wrong", "offset": 1000}),
            ("results", {"limit": 100, "outcome": "right", "confidence": 0.5}),
            ("results", {"limit": 100, "truth": "3", "predicted": "4"}),
            ("summary", {}),
            ("summary", {"confidence": 0.5}),
            ("messages", {"instance": FORECAST, "limit": 100}),
        ):
            best, found = min(
                (timed(ui, path, run=run, **query) for _ in range(10)), key=lambda t: t[0]
            )
            assert found.get("total") or found.get("images"), (path, query)
            assert best < load.seconds / 100, (path, query)
