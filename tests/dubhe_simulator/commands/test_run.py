"""``dubhe run`` with the real engine: an algorithm of ``dubhe init``, in a real container."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import uuid
from pathlib import Path

import docker
import pytest
from docker.errors import NotFound

from tests.docker import engine
from tests.dubhe_simulator.commands.run import (
    address,
    ask_as_told,
    containers,
    end,
    run_folder,
    running,
    words,
)
from tests.dubhe_simulator.instances.docker.support import dubhe, read_until
from tests.kafka.broker import Broker
from tests.support.clients import CLIENTS
from tests.support.journal import says


@pytest.fixture(scope="module", params=["http", "tcp"])
def any_protocol(request: pytest.FixtureRequest, built: dict[str, Path]) -> tuple[str, Path]:
    return request.param, built[request.param]


def test_train_evaluate_infer(any_protocol: tuple[str, Path], runs: Path, tmp_path: Path) -> None:
    protocol, folder = any_protocol
    with running(folder, "--runs-dir", runs) as process:
        said = read_until(process, "Ctrl-C")
        assert address(said)[0] == protocol
        assert ask_as_told(said) == {"flag": 1, "message": "model train starting now"}
        read_until(process, "END 200")
        status, said = end(process)
    assert status == 0
    assert ": stopping; press Ctrl-C again" in said
    expected = ["READY", "START", *["progress"] * 20, *["result"] * 15, "END 200"]
    assert words(runs) == expected
    [model] = re.findall(r"^Model: (.*_19_.*\.json)$", said, re.MULTILINE)
    assert f"Next: dubhe run {folder} --kind evaluate --model {model}" in said
    # Files are the caller's, and everything the container wrote was kept.
    assert Path(model).stat().st_uid == os.getuid()
    assert "END 200" in (run_folder(runs) / "console.log").read_text()

    for kind, reply in (("evaluate", "model predict starting now"), ("infer", "success")):
        more = runs / kind
        with running(folder, "--kind", kind, "--model", model, "--runs-dir", more) as process:
            answer = ask_as_told(read_until(process, "Ctrl-C"))
            assert reply in str(answer["message"]), answer
            if kind == "evaluate":
                read_until(process, "END 200")
            else:
                assert len(answer["data"]) == 3  # type: ignore[arg-type]
            assert end(process)[0] == 0
        if kind == "evaluate":  # now: the console says END before everything is delivered
            assert words(more).count("result") == 18


def test_the_data_cannot_be_written_and_limits_reach_the_container(
    docker_engine: docker.DockerClient, built: dict[str, Path], runs: Path
) -> None:
    options = ("--runs-dir", runs, "--memory", "256m", "--env", "MINE=1", "--user", "12345:0")
    with running(built["http"], *options) as process:
        port = address(read_until(process, "Ctrl-C"))[1]
        [container] = containers(docker_engine, runs)
        host = container.attrs["HostConfig"]
        assert host["Memory"] == 256 * 1024 * 1024
        assert host["PortBindings"] == {"8030/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}
        assert "MINE=1" in container.attrs["Config"]["Env"]
        assert container.attrs["Config"]["User"] == "12345:0"
        data = built["http"] / "data"
        status, _ = container.exec_run(["touch", str(data / "x")], user="0")
        assert status != 0
        request = json.loads((run_folder(runs) / "request.json").read_text())
        assert CLIENTS["http"](port).send(request)["flag"] == 1
        read_until(process, "END 200")
        assert end(process)[0] == 0
    models = list((run_folder(runs) / "output" / "models").iterdir())
    assert {model.stat().st_uid for model in models} == {12345}


def test_it_goes_on_in_the_background(
    docker_engine: docker.DockerClient, built: dict[str, Path], runs: Path
) -> None:
    image = built["tcp"].name
    data = built["tcp"] / "data"
    name = f"dubhe-test-{uuid.uuid4().hex[:8]}"
    options = ("--runs-dir", runs, "--data-dir", data, "--detach", "--name", name)
    done = dubhe("run", image, *options)
    assert done.returncode == 0, done.stdout
    assert f"docker stop {name} && docker rm {name}" in done.stdout
    assert ask_as_told(done.stdout)["flag"] == 1
    again = dubhe("run", image, *options)
    assert again.returncode == 1
    assert f"container {name} already exists" in again.stdout
    # As told, but by the command line that is known to be here.
    for word in ("stop", "rm"):
        subprocess.run([engine.command_line(), word, name], check=True, capture_output=True)
    with pytest.raises(NotFound):
        docker_engine.containers.get(name)
    first = min(runs.iterdir())
    assert "READY" in (first / "temporary" / "log" / "dubhe.log").read_text()


def test_through_a_broker_on_loopback(built: dict[str, Path], runs: Path, kafka: Broker) -> None:
    """A container has a loopback of its own; it has to share the host's network."""
    with running(built["http"], "--runs-dir", runs, "--brokers", kafka.bootstrap) as process:
        said = read_until(process, "Ctrl-C")
        assert "its port is open on all interfaces" in said
        assert ask_as_told(said)["flag"] == 1
        read_until(process, "END 200")
        assert end(process)[0] == 0
    [instance_id] = re.findall(r"\((dubhe_test_cli_http_\w+-local-train-\d+)\)", said)
    assert f'"{instance_id}"' in (run_folder(runs) / "request.json").read_text()
    assert delivered(kafka, instance_id) == ["READY", "START", *["progress"] * 20, "END 200"]


def delivered(kafka: Broker, instance_id: str) -> list[str]:
    """Return what the status topic has of an instance, in order."""
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(
        "alg_model_progress",
        bootstrap_servers=kafka.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=4000,
    )
    with contextlib.closing(consumer):
        values = [json.loads(record.value) for record in consumer]
    return [says({"value": value}) for value in values if value["instance_id"] == instance_id]
