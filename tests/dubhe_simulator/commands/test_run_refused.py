"""What ``dubhe run`` cannot start."""

from __future__ import annotations

import socket
from pathlib import Path

import docker
import pytest

from tests.dubhe_simulator.commands.run import (
    containers,
)
from tests.dubhe_simulator.instances.docker.support import dubhe

REFUSED = [
    (["--port", "{taken}"], "port {taken} is in use"),
    (["--gpus", "all"], "nvidia-container-toolkit"),
    (["--memory", "much"], "much"),
    (["--data-dir", "/none/such"], "--data-dir: /none/such does not exist"),
    (["--model", "/none/such.pth"], "--model: /none/such.pth is not a file"),
    (["--env", "PORT=1"], "--env PORT: this variable is set by --port"),
    (["--brokers", "kafka:port"], "contains 'kafka:port'"),
    (["--brokers", "127.0.0.1:9", "--network", "none"], "omit --network"),
    (["--name", "no name"], "no name"),
    (["--user", "nobody-such"], "nobody-such"),
]


def test_what_never_becomes_ready(
    docker_engine: docker.DockerClient, built: dict[str, Path], runs: Path
) -> None:
    # A variable that the SDK refuses: it ends before it serves.
    env = ("--env", "special_params=nonsense")
    done = dubhe("run", built["http"], "--runs-dir", runs, *env)
    assert done.returncode == 1
    assert "before it sent READY" in done.stdout
    assert "special_params is 'nonsense'" in done.stdout
    slow = ("--ready-timeout", "0.01")
    done = dubhe("run", built["http"], "--runs-dir", runs, *slow)
    assert done.returncode == 1
    assert "no READY message within 0.01 seconds" in done.stdout
    assert not containers(docker_engine, runs)


@pytest.mark.parametrize(("options", "said"), REFUSED)
def test_what_cannot_be_started_is_told(
    built: dict[str, Path], runs: Path, options: list[str], said: str
) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        taken = str(sock.getsockname()[1])
        given = [option.format(taken=taken) for option in options]
        done = dubhe("run", built["http"], "--runs-dir", runs, *given)
    assert done.returncode == 1, done.stdout
    assert "Failed: " in done.stdout
    assert said.format(taken=taken) in done.stdout
    assert "Traceback" not in done.stdout


def test_images_that_are_not_here(docker_engine: docker.DockerClient, tmp_path: Path) -> None:
    done = dubhe("run", tmp_path)
    assert done.returncode == 1
    assert f"run `dubhe build {tmp_path}` first" in done.stdout
    done = dubhe("run", "none-such:1")
    assert done.returncode == 1
    assert "no image none-such:1 on this engine" in done.stdout


def test_an_engine_on_another_machine(tmp_path: Path) -> None:
    done = dubhe("run", tmp_path, env={"DOCKER_HOST": "tcp://192.0.2.1:1"})
    assert done.returncode == 1
    assert "tcp://192.0.2.1:1" in done.stdout


@pytest.mark.parametrize(
    "options", [["--kind", "bogus"], ["--port", "0"], ["--gpus", "0"], ["--gpus", "some"]]
)
def test_wrong_use(options: list[str]) -> None:
    assert dubhe("run", *options).returncode == 2
