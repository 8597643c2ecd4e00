"""How a container of ``dubhe run`` ends: by signals, by itself, without a reader."""

from __future__ import annotations

import json
import re
import signal
import uuid
from pathlib import Path

import docker
import pytest

from tests.dubhe_simulator.commands.run import (
    ask_as_told,
    containers,
    end,
    running,
    words,
)
from tests.dubhe_simulator.instances.docker.support import read_until
from tests.support.waiting import wait_for


def test_a_signal_in_mid_training_is_told_to_the_platform(
    built: dict[str, Path], runs: Path
) -> None:
    params = json.dumps({"epochs": 100000})
    options = ("--runs-dir", runs, "--env", f"special_params={params}")
    with running(built["http"], *options) as process:
        ask_as_told(read_until(process, "Ctrl-C"))
        read_until(process, "epoch 3")
        status, _ = end(process, signal.SIGTERM)
    assert status == 128 + signal.SIGTERM  # the service's own: a task was cut off
    assert [word for word in words(runs) if word.startswith("END")] == ["END 300"]


def test_the_images_own_status_comes_through(built: dict[str, Path], runs: Path) -> None:
    """A training whose process is killed ends the service with 128 + 9."""
    params = json.dumps({"epochs": 100000})
    options = ("--runs-dir", runs, "--env", f"special_params={params}")
    name = f"dubhe-test-{uuid.uuid4().hex[:8]}"
    with running(built["http"], *options, "--name", name) as process:
        ask_as_told(read_until(process, "Ctrl-C"))
        found = re.search(r"INFO (\d+) progress", read_until(process, "epoch 3"))
        assert found
        client = docker.from_env()
        client.containers.get(name).exec_run(["sh", "-c", f"kill -9 {found[1]}"])
        client.close()
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 137, out
    assert "Ended with status 137." in out


@pytest.mark.parametrize("word", ["Starting", "Ready after"])
def test_ctrl_c_at_any_time_leaves_no_container(
    docker_engine: docker.DockerClient, built: dict[str, Path], runs: Path, word: str
) -> None:
    with running(built["http"], "--runs-dir", runs) as process:
        read_until(process, word)
        end(process)
    assert not containers(docker_engine, runs)


def test_a_second_signal_kills(
    docker_engine: docker.DockerClient, built: dict[str, Path], runs: Path
) -> None:
    with running(built["http"], "--runs-dir", runs) as process:
        read_until(process, "Ctrl-C")
        [container] = containers(docker_engine, runs)
        container.pause()  # cannot react
        process.send_signal(signal.SIGINT)
        read_until(process, ": stopping; press Ctrl-C again")
        process.send_signal(signal.SIGINT)
        assert process.wait(8) == 137


def test_a_reader_that_has_gone_ends_the_container(
    docker_engine: docker.DockerClient, built: dict[str, Path], runs: Path
) -> None:
    with running(built["http"], "--runs-dir", runs) as process:
        said = read_until(process, "Ctrl-C")
        assert process.stdout is not None
        process.stdout.close()
        ask_as_told(said)  # makes the container write
        process.wait(20)
    wait_for(lambda: not containers(docker_engine, runs), "the container to be gone")
