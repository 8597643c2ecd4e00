"""Fixtures of the simulator's tests: English, and algorithms of ``dubhe init`` with images."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from dubhe_simulator.algorithm.template import write_algorithm
from tests.dubhe_simulator.commands.run import containers
from tests.dubhe_simulator.instances.docker.support import dubhe


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests read the English words, and no brokers of the caller's."""
    for name in ("LC_ALL", "LC_MESSAGES", "BOOTSTRAP_SERVERS", "special_params"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    yield


@pytest.fixture(scope="session")
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
        _take_memory(folders[protocol] / "app.py")
        # No layer may be the same as in another worker's image: it is removed with that image.
        (folders[protocol] / "name.txt").write_text(name)
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


def _take_memory(app: Path) -> None:
    """Have the training take as many bytes as the parameter ``bytes`` says."""
    text, training = app.read_text(), '        ctx.log("training on'
    assert training in text
    given = "(ctx.get(ContextKey.ENV_SPECIAL_PARAMS) or {})"
    taken = f'        self.taken = b"x" * {given}.get("bytes", 0)\n'
    app.write_text(text.replace(training, taken + training))
