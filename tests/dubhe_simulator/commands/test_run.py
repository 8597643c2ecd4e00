"""``dubhe run`` with the real engine: an algorithm of ``dubhe init``, in a real container."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound, NotFound

from dubhe_simulator.algorithm.template import write_algorithm
from dubhe_simulator.instances.docker.spec import RUN_LABEL
from tests.docker import engine
from tests.dubhe_simulator.instances.docker.support import dubhe, read_until, start
from tests.kafka.broker import Broker
from tests.support.clients import CLIENTS
from tests.support.journal import read_journal, says
from tests.support.waiting import wait_for

PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.fixture(scope="module", params=["http", "tcp"])
def any_protocol(request: pytest.FixtureRequest, built: dict[str, Path]) -> tuple[str, Path]:
    return request.param, built[request.param]


@pytest.fixture(scope="module")
def built(
    docker_engine: docker.DockerClient,
    base_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Path]]:
    """One algorithm for each protocol, built by ``dubhe build`` under its folder's name."""
    folders = {}
    for protocol in ("http", "tcp"):
        name = f"dubhe-test-cli-{protocol}-{uuid.uuid4().hex[:8]}"
        folders[protocol] = tmp_path_factory.mktemp("run") / name
        write_algorithm(folders[protocol], protocol)
        done = dubhe("build", folders[protocol])
        assert done.returncode == 0, done.stdout
    yield folders
    for folder in folders.values():
        with contextlib.suppress(ImageNotFound):
            docker_engine.images.remove(folder.name, force=True)


@pytest.fixture
def runs(docker_engine: docker.DockerClient, tmp_path: Path) -> Iterator[Path]:
    """A folder for runs. Afterwards no container of them may be left."""
    folder = tmp_path / "runs"
    yield folder
    left = containers(docker_engine, folder)
    for container in left:
        container.remove(force=True)
    assert not left


def containers(client: docker.DockerClient, runs: Path) -> list[docker.models.containers.Container]:
    every = client.containers.list(all=True, filters={"label": RUN_LABEL})
    return [one for one in every if one.labels[RUN_LABEL].startswith(f"{runs}/")]


@contextlib.contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run ``dubhe run`` while the block lasts."""
    with start("run", *arguments) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def address(said: str) -> tuple[str, int]:
    found = re.search(r"Ready after [\d.]+ s at (http|tcp)://127\.0\.0\.1:(\d+)", said)
    assert found, said
    return found[1], int(found[2])


def ask_as_told(said: str) -> dict[str, object]:
    """Send the request by the very command that was shown."""
    [line] = re.findall(r"^  request:  (.*)$", said, re.MULTILINE)
    command = shlex.split(line)
    assert shutil.which(command[0])
    done = subprocess.run(
        [*command, *(["-s"] if command[0] == "curl" else [])],
        env={**os.environ, "PATH": PATH},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return dict(json.loads(done.stdout))


def run_folder(runs: Path) -> Path:
    [folder] = runs.iterdir()
    return folder


def end(process: subprocess.Popen[str], signum: int = signal.SIGINT) -> tuple[int, str]:
    process.send_signal(signum)
    out, _ = process.communicate(timeout=30)
    return process.returncode, out


def words(runs: Path) -> list[str]:
    return [says(message) for message in read_journal(run_folder(runs) / "temporary" / "journal")]


def test_train_evaluate_infer(any_protocol: tuple[str, Path], runs: Path, tmp_path: Path) -> None:
    protocol, folder = any_protocol
    with running(folder, "--runs-dir", runs) as process:
        said = read_until(process, "Ctrl-C")
        assert address(said)[0] == protocol
        assert ask_as_told(said) == {"flag": 1, "message": "model train starting now"}
        read_until(process, "END 200")
        status, said = end(process)
    assert status == 0
    assert "stopping in order" in said
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
                assert words(more).count("result") == 18
            else:
                assert len(answer["data"]) == 3  # type: ignore[arg-type]
            assert end(process)[0] == 0


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
        read_until(process, "stopping in order")
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


REFUSED = [
    (["--port", "{taken}"], "port {taken} is taken"),
    (["--gpus", "all"], "nvidia-container-toolkit"),
    (["--memory", "much"], "much"),
    (["--data-dir", "/none/such"], "--data-dir: /none/such does not exist"),
    (["--model", "/none/such.pth"], "--model: /none/such.pth is not a file"),
    (["--env", "PORT=1"], "--env PORT: this variable is set by --port"),
    (["--brokers", "nonsense"], "contains 'nonsense'"),
    (["--brokers", "127.0.0.1:9", "--network", "none"], "omit --network"),
    (["--name", "no name"], "no name"),
    (["--user", "nobody-such"], "nobody-such"),
]


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
