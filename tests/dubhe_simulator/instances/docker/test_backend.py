"""The platform with ``--on docker``: instances in containers of a real engine."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container

from dubhe_simulator.instances.docker.backend import PLATFORM_LABEL
from dubhe_simulator.instances.docker.engine import where
from tests.dubhe_simulator.instances.docker.support import dubhe, image_tag
from tests.dubhe_simulator.ui import Ui
from tests.kafka.broker import Broker
from tests.support.relay import Relay
from tests.support.waiting import wait_for

ENDLESS = {"epochs": 100_000}


class Place:
    """A folder of a platform, and the containers that the platform has started."""

    def __init__(self, client: docker.DockerClient, folder: Path, algorithm: Path) -> None:
        self._client = client
        self.algorithm = algorithm
        self.runs = folder / "runs"
        self.output = folder / "output"
        self.options = ("--on", "docker", "--output-dir", self.output)

    def containers(self) -> list[Container]:
        mark = f"{PLATFORM_LABEL}={self.runs}"
        found: list[Container] = self._client.containers.list(
            all=True, filters={"label": mark}, ignore_removed=True
        )
        return found

    def play(self, *options: object, **environment: str) -> str:
        """Play and return what was printed."""
        words = (self.algorithm, *self.options, "--runs-dir", self.runs, *options)
        done = dubhe("play", *words, env=environment)
        assert done.returncode == 0, done.stdout
        assert self.containers() == []
        return done.stdout

    def console(self) -> Path:
        """Return the one console file."""
        [found] = self.runs.glob("*/*/console.log")
        return found

    def ui(self, *options: object, **environment: str) -> Ui:
        return Ui(self.runs, self.algorithm, *self.options, *options, **environment)


@pytest.fixture
def place(
    docker_engine: docker.DockerClient, built: dict[str, Path], tmp_path: Path
) -> Iterator[Place]:
    found = Place(docker_engine, tmp_path, built["http"])
    yield found
    left = found.containers()
    for container in left:
        container.remove(force=True)
    assert left == []


def start_training(ui: Ui) -> str:
    """Start a training without an end; return its instance."""
    ui.post("workflow/train", special_params=ENDLESS)
    state = ui.wait(lambda s: s["runs"] and s["runs"][0]["progress"], 60)
    return str(state["instances"][0]["id"])


def test_train_evaluate_infer_with_the_journal(place: Place) -> None:
    said = place.play()
    assert f"in containers of {place.algorithm.name} (http)" in said
    rows = re.findall(r"^  (training|evaluation|inference) .* (\d+) +(\d+) +0 +0$", said, re.M)
    assert [row[0] for row in rows] == ["training", "evaluation", "inference"]
    assert all(reported == received != "0" for _, reported, received in rows)
    [model] = re.findall(r"^Model +(.*)$", said, re.M)
    assert Path(model).parent == place.output / "models"
    assert Path(model).stat().st_uid == os.getuid()
    [run] = place.runs.glob("20*")
    for kind in ("train", "evaluate", "infer"):
        assert "READY" in (run / kind / "log" / "dubhe.log").read_text()
        assert "READY" in (run / kind / "console.log").read_text()


@pytest.fixture
def topics(kafka: Broker, topic_name: str) -> dict[str, str]:
    """Variables that name two topics."""
    found = {f"TOPIC_MODEL_{word}": f"{topic_name}-{word}" for word in ("STATUS", "RESULT")}
    for topic in found.values():
        kafka.create_topic(topic)
    return found


def test_kafka_on_loopback(place: Place, kafka: Broker, topics: dict[str, str]) -> None:
    said = place.play(
        "--brokers", kafka.bootstrap, "--kinds", "train", "--name", "x/nets", **topics
    )
    assert "nets-local-train-" in said
    assert "evaluation" not in said


def test_a_container_gets_its_limits_and_variables_and_a_stop(place: Place) -> None:
    with place.ui("--memory", "256m", "--env", "MINE=1", "--kinds", "train,infer") as ui:
        name = start_training(ui)
        [container] = place.containers()
        assert container.name == f"dubhe-{name}"
        assert container.attrs["HostConfig"]["Memory"] == 256 << 20
        assert "MINE=1" in container.attrs["Config"]["Env"]
        refused = ui.post("start", 409, kind="evaluate")["error"]
        assert refused == "evaluation is not among the kinds of task chosen with --kinds"
        ui.post("stop", instance=name)
        ui.wait_state(name, "stopped")
        assert place.containers() == []


def test_with_what_a_container_ran(docker_engine: docker.DockerClient, place: Place) -> None:
    image = docker_engine.images.get(place.algorithm.name)
    command = [*(image.attrs["Config"]["Entrypoint"] or ()), *image.attrs["Config"]["Cmd"]]
    with place.ui("--env", "OMP_NUM_THREADS=3") as ui:
        name = start_training(ui)
        [run] = ui.runs_of(name)

        def kept() -> Any:
            return ui.get("runs", run=run["id"])["items"][0]["provenance"]

        found = wait_for(kept, "what it runs")
        ui.post("stop", instance=name)
    assert found["command"] == shlex.join(command)
    assert found["folder"] == image.attrs["Config"]["WorkingDir"]
    assert found["image"] == {"name": place.algorithm.name, "id": image.id, "digest": ""}
    assert found["environment"]["OMP_NUM_THREADS"] == "3"
    assert found["environment"]["special_params"] == json.dumps(ENDLESS)
    info = docker_engine.info()
    assert (found["host"]["name"], found["host"]["memory"]) == (info["Name"], info["MemTotal"])
    assert found["git"] is None and found["python"] is None  # that is its base's


def test_the_end_of_the_platform_ends_its_instances_in_order(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        assert ui.end() == 143
    assert place.containers() == []
    [journal] = place.runs.glob("*/train/journal/*.jsonl")
    last = json.loads(journal.read_text().splitlines()[-1])["value"]
    assert last["instance_id"] == name
    assert (last["data"]["action"], last["data"]["status"]) == ("END", 300)


def test_a_killed_platform_finds_its_instances_again(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        ui.kill()
    [container] = place.containers()
    console = place.console()
    copied = console.read_bytes()
    with place.ui() as ui:
        assert [each.id for each in place.containers()] == [container.id]
        before = ui.runs_of(name)[0]["progress"]
        ui.wait(lambda s: s["runs"][0]["progress"] > before, 60)
        found = ui.wait_state(name, "running", 60)
        assert found["owned"] and found["address"]
        assert len(ui.runs_of(name)) == 1
        ui.post("stop", instance=name)
        found = ui.wait_state(name, "stopped")  # in order: its END says so
        assert found["reason"].endswith("was stopped by SIGTERM before its end")
        assert place.containers() == []
    # It goes on where it was: nothing is missing, nothing is there twice.
    written = console.read_bytes()
    assert written.startswith(copied) and len(written) > len(copied)
    assert written.count(b" READY ") == 1
    assert b" END 300 " in written


def test_what_ended_while_the_platform_was_away_is_told(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        ui.kill()
    [container] = place.containers()
    container.kill()
    container.wait()
    with place.ui() as ui:
        found = ui.wait_state(name, "failed")
        assert found["reason"] == "exited with status 137 (SIGKILL)"
        assert place.containers() == []


def test_what_a_killed_platform_has_left_is_ended_by_its_label(place: Place) -> None:
    with place.ui() as ui:
        start_training(ui)
        ui.kill()
    # As the documentation has it.
    label = f"label=dubhe.platform={place.runs}"
    command = (
        f"docker ps --quiet --filter {label} | xargs --no-run-if-empty docker stop -t 40"
        " | xargs --no-run-if-empty docker rm"
    )
    subprocess.run(["sh", "-c", command], check=True)
    assert place.containers() == []
    [journal] = place.runs.glob("*/train/journal/*.jsonl")
    last = json.loads(journal.read_text().splitlines()[-1])["value"]
    assert last["data"]["status"] == 300


def test_memory_beyond_the_limit_is_told_in_words(place: Place) -> None:
    with place.ui("--memory", "256m", "--kinds", "train") as ui:
        ui.post("workflow/train", special_params={"bytes": 512 << 20})
        state = ui.wait(lambda s: s["workflow"]["state"] == "failed", 60)
        [found] = state["instances"]
        assert "the memory limit (256 MiB) was exceeded" in found["reason"]


def test_a_container_that_somebody_removed(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        [container] = place.containers()
        container.remove(force=True)
        found = ui.wait_state(name, "failed")
        assert found["reason"] == "somebody removed the container (exited with status 1)"


def test_a_paused_container(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        [container] = place.containers()
        container.pause()
        found = ui.wait_state(name, "paused")
        text = f"the container is paused: docker unpause {container.name} lets it go on"
        assert found["reason"] == text
        _, _, content = ui.raw("GET", "/api/state", Accept_Language="zh")
        [shown] = json.loads(content)["instances"]
        assert shown["reason"] == f"容器已暂停：执行 docker unpause {container.name} 后继续运行"
        progress = ui.runs_of(name)[0]["progress"]

        container.unpause()
        assert ui.wait_state(name, "running")["reason"] == ""
        ui.wait(lambda s: s["runs"][0]["progress"] > progress)
        assert [run["status"] for run in ui.runs_of(name)] == [None]

        container.pause()
        ui.wait_state(name, "paused")
        ui.post("stop", instance=name)  # in order nevertheless: its END says so
        found = ui.wait_state(name, "stopped")
        assert found["reason"].endswith("was stopped by SIGTERM before its end")


def test_a_container_that_was_paused_while_the_platform_was_away(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        ui.kill()
    [container] = place.containers()
    container.pause()
    with place.ui() as ui:
        ui.wait_state(name, "paused")
        container.unpause()
        ui.wait_state(name, "running")
        ui.post("stop", instance=name)


@pytest.fixture
def relay(docker_engine: docker.DockerClient, tmp_path: Path) -> Iterator[Relay]:
    """What a platform takes for the engine."""
    with Relay(where()[0].removeprefix("unix://"), tmp_path / "engine.sock") as found:
        yield found


def chinese(ui: Ui) -> str:
    """Return what a reader of Chinese is told about the one instance."""
    _, _, content = ui.raw("GET", "/api/state", Accept_Language="zh")
    [shown] = json.loads(content)["instances"]
    return str(shown["reason"])


@pytest.mark.parametrize(
    ("goes_away", "why"), [(Relay.silence, "timeout"), (Relay.refuse, "Connection refused")]
)
def test_a_stop_while_the_engine_does_not_answer(
    place: Place, relay: Relay, goes_away: Callable[[Relay], None], why: str
) -> None:
    with place.ui(DOCKER_HOST=f"unix://{relay.address}") as ui:
        name = start_training(ui)
        goes_away(relay)
        refused = ui.post("stop", 503, instance=name)["error"]
        text = f"the Docker engine does not answer: {why}"
        assert refused == f"not stopped yet: {text}. It is stopped as soon as that is possible"
        wait_for(lambda: ui.instance(name)["reason"] == text, lambda: str(ui.instance(name)))
        assert ui.instance(name)["state"] == "stopping"
        assert chinese(ui) == f"Docker 引擎没有响应：{why}"
        [container] = place.containers()
        assert container.status == "running"

        relay.resume()
        found = ui.wait_state(name, "stopped", 90)
        assert found["reason"].endswith("was stopped by SIGTERM before its end")
        assert place.containers() == []


def test_a_stop_that_the_next_session_carries_out(place: Place, relay: Relay) -> None:
    with place.ui(DOCKER_HOST=f"unix://{relay.address}") as ui:
        name = start_training(ui)
        relay.refuse()
        ui.post("stop", 503, instance=name)
        assert ui.end() == 143
    [container] = place.containers()
    assert container.status == "running"
    with place.ui() as ui:
        found = ui.wait_state(name, "stopped", 60)
        assert found["reason"].endswith("was stopped by SIGTERM before its end")
        assert place.containers() == []


def test_an_engine_that_goes_and_comes_back_in_mid_training(place: Place, relay: Relay) -> None:
    with place.ui(DOCKER_HOST=f"unix://{relay.address}") as ui:
        name = start_training(ui)
        relay.refuse()
        text = "the Docker engine does not answer: Connection refused"
        wait_for(lambda: ui.instance(name)["reason"] == text, lambda: str(ui.instance(name)))
        assert ui.instance(name)["state"] == "running"
        before = ui.runs_of(name)[0]["progress"]
        ui.wait(lambda s: s["runs"][0]["progress"] > before)
        relay.resume()
        wait_for(lambda: not ui.instance(name)["reason"], lambda: str(ui.instance(name)))
        ui.post("stop", instance=name)
        ui.wait_state(name, "stopped")
    # Its output too goes on where it was.
    assert b" END 300 " in place.console().read_bytes()


def test_a_container_whose_creation_was_not_confirmed(place: Place, relay: Relay) -> None:
    with place.ui(DOCKER_HOST=f"unix://{relay.address}") as ui:
        relay.lose_answer(b"/containers/")
        refused = ui.post("start", 409, kind="train")["error"]
        assert "the Docker engine does not answer" in refused
        [container] = place.containers()
        assert container.status == "created"
        relay.resume()
        wait_for(lambda: place.containers() == [], "its removal")
        name = start_training(ui)
        ui.post("stop", instance=name)


def test_a_container_that_is_created_after_nobody_waits_for_it_any_more(
    docker_engine: docker.DockerClient, place: Place
) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        [ours] = place.containers()
        labels = {PLATFORM_LABEL: str(place.runs)}
        docker_engine.containers.create(place.algorithm.name, labels=labels)
        wait_for(lambda: [each.id for each in place.containers()] == [ours.id], "its removal")
        assert ui.instance(name)["state"] == "running"


def test_the_next_instance_delivers_what_a_killed_one_could_not(
    place: Place, kafka: Broker, topics: dict[str, str]
) -> None:
    with place.ui("--brokers", kafka.bootstrap, **topics) as ui:
        name = start_training(ui)
        [container] = place.containers()
        container.kill()
        state = ui.wait(lambda s: s["workflow"]["state"] == "failed")
        assert "ended with status 137" in state["workflow"]["error"]
        assert ui.instance(name)["reason"] == "exited with status 137 (SIGKILL)"
        assert [run["status"] for run in ui.runs_of(name)] == [None]

        # Its spool is the next one's: here its END was missing.
        ui.post("start", kind="train")
        ui.wait(lambda s: [run["status"] for run in s["runs"]] == [300])
        assert [spool.name for spool in (place.runs / "spools").iterdir()] == ["train-1"]


def test_an_image_that_is_not_there(place: Place) -> None:
    done = dubhe("play", "--on", "docker", "--image", "dubhe-test-absent", "--runs-dir", place.runs)
    assert done.returncode == 1
    assert "no image dubhe-test-absent on this engine: build it" in done.stdout


def test_an_image_that_is_gone_meanwhile(docker_engine: docker.DockerClient, place: Place) -> None:
    with image_tag(docker_engine) as tag:
        docker_engine.images.get(place.algorithm.name).tag(tag)
        with place.ui("--image", tag) as ui:
            docker_engine.images.remove(tag)
            refused = ui.post("start", 409, kind="train")["error"]
    assert f"no image {tag} on this engine" in refused
