"""The local platform in containers played once, by docker-compose 1.29 and a real engine."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from dubhe_simulator.algorithm.template import write_algorithm
from tests.compose.algorithm import LONG_BATCHES, own_algorithm
from tests.compose.conftest import MakeProject
from tests.compose.project import BUILDS, FILE, Project
from tests.compose.said import STATUS, actions, check_digits, check_once_and_in_order, values
from tests.kafka.reader import Message, wait_for

UP = ("up", "--build", "--exit-code-from", "platform")
PLAY = {"PLATFORM_COMMAND": "play"}
KAFKA_STOPPED = 143  # a JVM's status after SIGTERM


def test_the_whole_simulation(make_project: MakeProject) -> None:
    project = make_project(**PLAY)
    done = project.run(*UP)
    assert done.returncode == 0, done.stdout[-5000:]
    summary = [line.partition("| ")[2] for line in done.stdout.splitlines() if "platform_1" in line]
    assert any(re.fullmatch(r"Evaluation: accuracy 0\.\d+ \(\d+ of 359\)", s) for s in summary)
    assert sum("/data/test/" in line and "→" in line for line in summary) == 6
    # Nobody had to be killed, and nobody but the platform ended before the end.
    statuses = project.statuses()
    assert statuses.pop("kafka") == KAFKA_STOPPED
    assert statuses == dict.fromkeys(("platform", "data"), 0)
    assert project.instances() == []

    check_digits(project)
    assert project.run("down").returncode == 0
    assert {name.rpartition("_")[2] for name in project.left()} == {
        *("kafka", "data", "models", "runs"),
    }
    assert project.run("down", "--volumes").returncode == 0
    assert project.left() == []


def test_an_own_algorithm_one_kind_after_another(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(**PLAY, **own_algorithm(tmp_path), COMPOSE_PROFILES="infer")
    done = project.run(*UP)
    assert done.returncode == 1, done.stdout[-5000:]
    assert "in /app/output/models: starting without model_path" in done.stdout
    assert "the request was refused: exception occurs: TypeError" in done.stdout  # it needs one

    project.set(COMPOSE_PROFILES="train")
    done = project.run(*UP)
    assert done.returncode == 0, done.stdout[-5000:]
    title = f"Playing the platform for stripes in containers of {project.name} (tcp)"
    assert title in done.stdout

    project.set(COMPOSE_PROFILES="infer")  # with the model that the training has left
    done = project.run(*UP)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "horse/1.png  →  zebra  (0.7500)" in done.stdout
    ids = ids_of(project.read(STATUS))
    assert {id_.rpartition("-")[0] for id_ in ids} == {
        "stripes-local-train",
        "stripes-local-inference",
    }


def test_a_new_algorithm_as_it_is(make_project: MakeProject, tmp_path: Path) -> None:
    """What ``dubhe init`` writes draws its images by itself."""
    write_algorithm(tmp_path / "shapes", "http")
    project = make_project(**PLAY, ALGORITHM_DIR=str(tmp_path / "shapes"), SPECIAL_PARAMS="")
    done = project.run(*UP)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "Evaluation: accuracy 1.0000 (18 of 18)" in done.stdout


def test_kafka_restarts_in_mid_training(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project(**PLAY, **own_algorithm(tmp_path, long=True), COMPOSE_PROFILES="train")
    assert project.run("up", "--build", "-d").returncode == 0
    wait_for(project.bootstrap, STATUS, lambda found: len(found) > 100, timeout=60)
    restarted_ms = time.time() * 1000
    project.container("kafka").restart()
    platform = project.container("platform")
    ended = platform.wait(timeout=120)["StatusCode"]
    assert ended == 0, platform.logs().decode()[-5000:]
    status = project.read(STATUS)
    before = sum(message.timestamp_ms < restarted_ms for message in status)
    assert 100 < before < LONG_BATCHES  # it was in the middle
    check_once_and_in_order(status)
    train = values(status, "train")
    assert actions(train) == ["READY", "START", "progress", "END"]
    assert sum("progress" in value["data"] for value in train) == LONG_BATCHES


def test_a_stop_in_mid_training_kills_nobody_and_is_told(
    make_project: MakeProject, tmp_path: Path
) -> None:
    project = make_project(**PLAY, **own_algorithm(tmp_path, long=True), COMPOSE_PROFILES="train")
    assert project.run("up", "--build", "-d").returncode == 0
    wait_for(project.bootstrap, STATUS, lambda found: len(found) > 100, timeout=60)
    assert project.run("stop").returncode == 0
    statuses = project.statuses()
    assert 137 not in statuses.values(), statuses
    assert project.instances() == []
    status = project.read(STATUS)
    check_once_and_in_order(status)
    train = values(status, "train")
    assert actions(train) == ["READY", "START", "progress", "END"]
    assert train[-1]["data"]["status"] == 300


def test_what_a_killed_platform_has_started_ends(make_project: MakeProject, tmp_path: Path) -> None:
    """By the next platform, or with the project."""
    own = own_algorithm(tmp_path, long=True)
    project = make_project(**PLAY, **own, COMPOSE_PROFILES="train", SPECIAL_PARAMS="")
    assert project.run("up", "--build", "-d").returncode == 0
    wait_for(project.bootstrap, STATUS, lambda found: len(found) > 100, timeout=60)
    [first] = project.instances()
    # Of the platform it has the data, the models and a folder of its own; not the engine.
    assert {m["Destination"] for m in first.attrs["Mounts"]} == {
        *("/data", "/app/output", "/temporary", "/spool"),
    }
    project.container("platform").kill()
    project.container("platform").start()
    wait_for(project.bootstrap, STATUS, lambda found: len(ids_of(found)) == 2, timeout=60)
    [second] = project.instances()
    assert first.id != second.id
    project.container("platform").kill()
    assert project.run("down", "--volumes").returncode == 0
    assert project.left() == []


def test_docker_compose_accepts_the_file(make_project: MakeProject) -> None:
    project: Project = make_project(GPUS="all", MEMORY="2g", DOCKER_SOCKET="/run/user/1000/d.sock")
    done = project.run("config", files=(FILE, BUILDS))
    assert done.returncode == 0, done.stdout
    for expected in ("--gpus=all", "--memory=2g", "/run/user/1000/d.sock:/var/run/docker.sock"):
        assert expected in done.stdout


def ids_of(messages: list[Message]) -> set[str]:
    return {json.loads(message.value or b"")["instance_id"] for message in messages}
