"""Which engine is used, and what is said when it is not there."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import docker
import pytest

from dubhe_simulator.errors import EngineError
from dubhe_simulator.instances.docker.engine import engine, is_local, where
from tests.dubhe_simulator.instances.docker.support import as_nobody


def trouble() -> str:
    with pytest.raises(EngineError) as caught, engine():
        pass
    return str(caught.value)


def docker_config(folder: Path, name: str, host: str) -> None:
    """Write a configuration of `docker` with one context, the current one."""
    meta = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    endpoint = {"docker": {"Host": host, "SkipTLSVerify": False}}
    content = {"Name": name, "Metadata": {}, "Endpoints": endpoint}
    (meta / "meta.json").write_text(json.dumps(content))
    (folder / "config.json").write_text(json.dumps({"currentContext": name}))


def test_the_engine_answers(docker_engine: docker.DockerClient) -> None:
    with engine() as client:
        assert client.info()["ID"] == docker_engine.info()["ID"]


def test_nothing_at_docker_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    said = trouble()
    assert f"unix://{tmp_path}/no.sock (from DOCKER_HOST): No such file or directory" in said
    assert "unset DOCKER_HOST" in said


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as sock:  # bound, but it does not listen
        sock.bind(("127.0.0.1", 0))
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{sock.getsockname()[1]}")
        assert "Connection refused" in trouble()


@pytest.mark.parametrize("host", ["nonsense://x", "tcp://:::", "ssh://nowhere.invalid"])
def test_a_malformed_address(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert f"no Docker engine answers at {host} (from DOCKER_HOST)" in trouble()


def test_the_current_context_names_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    docker_config(tmp_path, "elsewhere", "unix:///no/such.sock")
    assert where() == ("unix:///no/such.sock", "elsewhere")
    assert "unix:///no/such.sock (from the Docker context elsewhere)" in trouble()
    monkeypatch.setenv("DOCKER_CONTEXT", "missing")
    assert "the Docker context missing cannot be used: it does not exist" in trouble()


def test_a_socket_that_may_not_be_used(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        path.chmod(0)
        script = (
            "from dubhe_simulator.commands.build import main\n"
            f"os.environ['DOCKER_HOST'] = 'unix://{path}'\n"
            "become_nobody()\n"
            "sys.exit(main(['/']))"
        )
        done = as_nobody(script, tmp_path)
    assert done.returncode == 1, done
    assert "Permission denied. You have no permission to use its socket" in done.stdout
    assert "usermod -aG docker" in done.stdout


@pytest.mark.parametrize("command", [["build"], ["run"]])
def test_without_the_package(command: list[str], tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "sys.modules['docker'] = None\n"  # cannot be imported
        "from dubhe_sdk.cli.main import main\n"
        f"sys.exit(main({command!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "pip install 'docker>=7'" in done.stdout


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("unix:///var/run/docker.sock", True),
        ("tcp://127.0.0.1:2375", True),
        ("tcp://10.0.0.7:2375", False),
        ("ssh://build.local", False),
    ],
)
def test_whose_folders_the_engine_sees(host: str, expected: bool) -> None:
    assert is_local(host) is expected
