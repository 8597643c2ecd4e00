"""The digits example on `dubhe ui`: SDK, service, sidecar, and the platform that watches them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_simulator.fake import processes_with, wait_until
from tests.dubhe_simulator.ui import Ui
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory

pytestmark = pytest.mark.slow

BATCHES = 40  # of an epoch
OUTAGE_EPOCHS = (
    30  # what is reported after the broker's end waits, however long the training goes on
)
DIGITS = Path(__file__).parents[2] / "examples" / "digits"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    subprocess.run([sys.executable, str(DIGITS / "prepare.py"), str(folder)], check=True)
    return folder


@pytest.fixture
def example(tmp_path: Path, images: Path) -> Iterator[tuple[Path, str, Path]]:
    ignored = shutil.ignore_patterns("data", "output", "temporary", "__pycache__")
    folder = shutil.copytree(DIGITS, tmp_path / "digits", ignore=ignored)
    yield folder, "--data-dir", images
    assert not processes_with(str(tmp_path / "runs"))


def finished(state: dict[str, Any]) -> bool:
    return bool(state["workflow"]) and state["workflow"]["state"] != "running"


def test_the_whole_story(tmp_path: Path, example: tuple[Path, str, Path]) -> None:
    with Ui(tmp_path / "runs", *example) as ui:
        events = ui.events()  # somebody watches, so log and delivery are looked at
        next(events)
        ui.post("workflow", images=3, special_params={"epochs": 5})
        state = ui.wait(finished, timeout=120)
        assert state["workflow"] == {"state": "done", "step": "infer", "error": None, "note": None}
        train, predict, inference = sorted(state["instances"], key=lambda i: i["first_ms"])
        assert [i["state"] for i in (train, predict, inference)] == ["ended", "ended", "ready"]
        assert [i["duplicates"] + i["malformed"] for i in (train, predict, inference)] == [0, 0, 0]
        runs = {run["kind"]: run for run in state["runs"]}
        assert [m["name"] for m in runs["train"]["metrics"]] == ["loss", "accuracy"]
        assert {m["points"] for m in runs["train"]["metrics"]} == {5 * BATCHES}
        found = ui.get("summary", run=runs["evaluate"]["id"])
        assert (found["images"], found["predictions"]) == (359, 359)
        assert found["accuracy"] > 0.85
        [item] = ui.get("results", run=runs["evaluate"]["id"], limit=1)["items"]
        assert ui.raw("GET", item["url"])[0] == 200
        assert runs["infer"]["images"] == 3
        found = ui.get("log/find", instance=train["id"], search="training on", at=0)
        log = ui.get("log", instance=train["id"], at=found["rank"], limit=1)
        assert "training on" in log["lines"][0]["text"]
        ui.wait(lambda _: (ui.instance(train["id"])["delivery"] or {}).get("delivered"))
        delivery = ui.instance(train["id"])["delivery"]
        assert delivery["delivered"] == train["messages"]
        assert delivery["undelivered"] == 0
        events.close()


def test_the_platform_is_killed_in_mid_training(
    tmp_path: Path, example: tuple[Path, str, Path]
) -> None:
    """The training ends with the platform; its END is found by the next one."""
    with Ui(tmp_path / "runs", *example) as ui:
        ui.post("workflow/train", special_params={"epochs": 2000})
        state = ui.wait(lambda s: s["runs"] and (s["runs"][0]["epoch"] or 0) >= 2, timeout=60)
        name = state["runs"][0]["instance"]
        ui.kill()
    wait_until(lambda: not processes_with(str(tmp_path / "runs")), timeout=60)
    with Ui(tmp_path / "runs", *example) as ui:
        found = ui.wait_state(name, "stopped")
        assert "SIGTERM" in found["reason"] or "stop" in found["reason"].lower()
        [run] = ui.runs_of(name)
        assert run["status"] == 300
        assert found["duplicates"] == found["malformed"] == 0
        points = run["metrics"][0]["points"]
        curve = ui.get("curves", run=run["id"], metric="loss", width=8000)
        assert curve["total"] == points == len(curve["x"])


def test_an_outage_of_kafka_shows_at_the_source_and_at_the_sidecar(
    tmp_path: Path, example: tuple[Path, str, Path], make_broker: BrokerFactory
) -> None:
    broker: Broker = make_broker()
    broker.start()
    broker.create_topic("alg_model_progress")
    broker.create_topic("als_model_result")
    with Ui(tmp_path / "runs", *example, "--brokers", broker.bootstrap) as ui:
        events = ui.events()
        next(events)
        ui.post("workflow/train", special_params={"epochs": OUTAGE_EPOCHS})
        state = ui.wait(lambda s: s["runs"] and (s["runs"][0]["epoch"] or 0) >= 2, timeout=90)
        name = state["runs"][0]["instance"]
        broker.kill()

        def shows(state: dict[str, Any]) -> bool:
            delivery = ui.instance(name)["delivery"] or {}
            undelivered = delivery.get("undelivered", 0)
            return not state["source"]["ok"] and undelivered > 0 and bool(delivery["last_error"])

        ui.wait(shows, timeout=60)
        broker.start()
        ui.wait(finished, timeout=120)
        assert ui.get("state")["source"]["ok"]
        found = ui.instance(name)
        assert (found["state"], found["duplicates"], found["malformed"]) == ("ended", 0, 0)
        [run] = ui.runs_of(name)
        assert {m["points"] for m in run["metrics"]} == {OUTAGE_EPOCHS * BATCHES}
        assert (run["status"], run["images"]) == (200, 180)
        events.close()
