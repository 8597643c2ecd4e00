"""Instances on hosts, as the page has them: real hosts, the SDK, and a real Kafka."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_simulator.ui import Ui
from tests.kafka.broker import Broker
from tests.page.platform import make_algorithm
from tests.support.environ import clean_environ
from tests.support.ports import reserved_port
from tests.support.processes import Marked

# Two names of one machine, so that each host has a folder of its own.
TRAIN, INFERENCE = "127.0.0.1", "localhost"
ENDLESS = {"epochs": 4000, "pause": 0.05}


class Place:
    """A folder for two hosts of one algorithm, and a platform that knows them."""

    def __init__(self, folder: Path, ui: Ui, marked: dict[str, Marked]) -> None:
        self.folder = folder
        self.ui = ui
        self.marked = marked

    def workflow(self, step: str = "", **body: Any) -> None:
        """Have steps done and wait for their end."""
        self.ui.post(f"workflow{step}", **body)
        state = self.ui.wait(lambda s: s["workflow"]["state"] != "running", 60)
        assert state["workflow"]["error"] is None, state["workflow"]

    def states(self, kind: str) -> list[tuple[str, str]]:
        """Return states and reasons of the instances of a kind, in the order of their start."""
        found = [i for i in self.ui.get("state")["instances"] if i["kind"] == kind]
        return [(i["state"], i["reason"]) for i in sorted(found, key=lambda i: i["id"])]


@contextlib.contextmanager
def host(algorithm: Path, temporary: Path, port: int, service: int) -> Iterator[Marked]:
    """Run ``dubhe host``; whatever it has started ends with the block."""
    marked = Marked()
    command = [sys.executable, "-m", "dubhe_simulator.commands.host", "--port", str(port)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "PORT": str(service), "DUBHE_TEMPORARY": str(temporary)}
    with (temporary.parent / f"{temporary.name}.out").open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=algorithm,
            env=clean_environ(**environment, **marked.env),
            stdout=output,
            stderr=output,
        )
    try:
        yield marked
    finally:
        process.terminate()
        marked.kill()
        process.wait()


@pytest.fixture
def place(tmp_path: Path, kafka: Broker, topic_name: str) -> Iterator[Place]:
    status, result = f"{topic_name}-s", f"{topic_name}-r"
    for topic in (status, result):
        kafka.create_topic(topic)
    algorithm, hosts = make_algorithm(tmp_path / "plates"), tmp_path / "hosts"
    hosts.mkdir()
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(reserved_port()) for _ in range(4)]
        names = (TRAIN, INFERENCE)
        marked = {
            name: stack.enter_context(host(algorithm, hosts / name, *ports[n : n + 2]))
            for n, name in ((0, TRAIN), (2, INFERENCE))
        }
        ui = stack.enter_context(
            Ui(
                tmp_path / "runs",
                *("--on", f"train={names[0]}:{ports[0]}"),
                *("--on", f"infer={names[1]}:{ports[2]}"),
                *("--hosts-dir", hosts, "--name", "some/plates", "--data-dir", algorithm / "data"),
                *("--models", algorithm / "output" / "models", "--brokers", kafka.bootstrap),
                *("--special-params", '{"epochs": 2}'),
                TOPIC_MODEL_STATUS=status,
                TOPIC_MODEL_RESULT=result,
            )
        )
        yield Place(hosts, ui, marked)


def test_what_hosts_run_is_shown_as_what_runs_here(place: Place) -> None:
    ui = place.ui
    algorithm = ui.get("state")["algorithm"]
    assert (algorithm["name"], algorithm["protocol"]) == ("plates", "http")
    assert algorithm["kinds"] == ["train", "infer"]
    assert algorithm["special_params"] == {"epochs": 2}
    place.workflow(images=3)  # of the story, what there are hosts for
    assert place.states("train") == [("ended", "")]
    assert place.states("infer") == [("ready", "")]
    refused = ui.post("start", 409, kind="evaluate")["error"]
    assert refused.startswith("no host for evaluation"), refused

    # Each instance has a log of its own, and all of a host deliver from one spool.
    place.workflow("/train", special_params={"epochs": 3})
    first, second = sorted(i["id"] for i in ui.get("state")["instances"] if i["kind"] == "train")
    points = [run["metrics"][0]["points"] for name in (first, second) for run in ui.runs_of(name)]
    assert points == [20, 30]
    for name, progress in ((first, 20), (second, 30)):
        lines = ui.get("log", instance=name, search="progress ", limit=2000)["lines"]
        assert len(lines) == progress, lines
    said = 20 + 30 + 2 * len(("READY", "START", "END"))

    def all_delivered(state: dict[str, Any]) -> bool:
        [found] = [i["delivery"] for i in state["instances"] if i["id"] == second]
        return bool(found and (found["delivered"], found["undelivered"]) == (said, 0))

    ui.wait(all_delivered)

    # A host runs one instance: the idle one makes room for another model's.
    place.workflow("/infer")
    assert place.states("infer") == [("ended", "stopped by the platform"), ("ready", "")]


def test_a_busy_host_is_told_and_a_dead_one_too(place: Place) -> None:
    ui = place.ui
    ui.post("workflow/train", special_params=ENDLESS)
    ui.wait(lambda s: s["runs"] and s["runs"][0]["progress"])
    [name] = [i["id"] for i in ui.get("state")["instances"]]
    refused = ui.post("start", 409, kind="train")["error"]
    assert refused.startswith(f"{name} is busy, and its host runs one instance at a time")

    place.marked[TRAIN].kill()  # as a container's end does
    found = ui.wait_state(name, "lost")
    assert found["reason"].endswith("closed the connection without a report")
    assert not found["owned"]
    state = ui.wait(lambda s: s["workflow"]["state"] == "failed")
    assert state["workflow"]["error"].endswith("closed the connection without a report")
    gone = ui.post("start", 409, kind="train")["error"]
    assert "no `dubhe host` answers" in gone, gone


def test_a_stop_reaches_the_host(place: Place) -> None:
    ui = place.ui
    ui.post("workflow/train", special_params=ENDLESS)
    state = ui.wait(lambda s: s["runs"] and s["runs"][0]["progress"])
    name = state["instances"][0]["id"]
    ui.post("stop", instance=name)
    ui.wait_state(name, "failed")  # it was cut off, and says so
    name = ui.post("start", kind="train")["instance"]
    ui.wait_state(name, "ready")
    assert ui.end() == 143
    assert not [line for line in place.marked[TRAIN].living().values() if "app.py" in line]
