"""Which containers a real engine has and has paused.

What the page says of paused ones, and what becomes of those that are nobody's, is in
`test_backend`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import docker
import pytest
from docker.models.containers import Container

from dubhe_simulator.instances.docker.watcher import ContainerWatcher
from tests.docker import images
from tests.support.waiting import wait_for

LABEL = "dubhe.test"
Start = Callable[[str], Container]


@pytest.fixture
def start(docker_engine: docker.DockerClient) -> Iterator[Start]:
    """Start a container with a label of this value."""
    image, started = images.python_image(docker_engine), []

    def container(value: str) -> Container:
        found = docker_engine.containers.run(
            image, ["sleep", "infinity"], labels={LABEL: value}, detach=True
        )
        started.append(found)
        return found

    yield container
    for each in started:
        each.remove(force=True)


def test_paused_ones_of_one_label(docker_engine: docker.DockerClient, start: Start) -> None:
    mark = uuid.uuid4().hex
    before, later, other = start(mark), start(mark), start("another")
    before.pause()
    watcher = ContainerWatcher(docker_engine, f"{LABEL}={mark}")
    assert watcher.paused == frozenset()
    watcher.start()
    watcher.start()
    wait_for(lambda: watcher.paused == {before.id}, lambda: str(watcher.paused))
    other.pause()
    later.pause()
    wait_for(lambda: watcher.paused == {before.id, later.id}, lambda: str(watcher.paused))
    before.unpause()
    wait_for(lambda: watcher.paused == {later.id}, lambda: str(watcher.paused))
    later.unpause()
    wait_for(lambda: watcher.paused == frozenset(), lambda: str(watcher.paused))


def test_each_is_found_whether_it_is_there_or_created_later(
    docker_engine: docker.DockerClient, start: Start
) -> None:
    mark = uuid.uuid4().hex
    found: list[str] = []
    before = start(mark)
    watcher = ContainerWatcher(docker_engine, f"{LABEL}={mark}", found.append)
    watcher.start()
    wait_for(lambda: found == [before.name], lambda: str(found))
    start("another")
    later = start(mark)
    wait_for(lambda: found == [before.name, later.name], lambda: str(found))
