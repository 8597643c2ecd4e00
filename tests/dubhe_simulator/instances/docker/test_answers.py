"""What becomes of a request that a real engine refuses, does not answer, or knows nothing of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import NotFound

from dubhe_simulator.instances.docker.answers import answers
from dubhe_simulator.instances.docker.engine import where
from dubhe_simulator.instances.engine_problem import EngineProblem, EngineSilent
from tests.support.relay import Relay


@pytest.fixture
def relay(docker_engine: docker.DockerClient, tmp_path: Path) -> Iterator[Relay]:
    with Relay(where()[0].removeprefix("unix://"), tmp_path / "engine.sock") as found:
        yield found


@pytest.fixture
def client(relay: Relay) -> Iterator[docker.DockerClient]:
    found = docker.DockerClient(base_url=f"unix://{relay.address}", version="auto", timeout=2)
    yield found
    found.close()


def test_an_answer_is_handed_on(client: docker.DockerClient) -> None:
    with answers():
        assert client.ping()


def test_an_engine_that_has_stopped(client: docker.DockerClient, relay: Relay) -> None:
    relay.silence()
    with pytest.raises(EngineSilent) as found, answers():
        client.ping()
    assert found.value.condition.values == {"detail": "timeout"}


def test_an_engine_that_is_gone(client: docker.DockerClient, relay: Relay) -> None:
    relay.refuse()
    with pytest.raises(EngineSilent) as found, answers():
        client.ping()
    assert found.value.condition.values == {"detail": "Connection refused"}


def test_a_refusal_is_no_silence(client: docker.DockerClient) -> None:
    with pytest.raises(EngineProblem) as found, answers():
        client.containers.list(filters={"no-such-filter": "x"})
    assert not isinstance(found.value, EngineSilent)
    assert found.value.condition.key == "engine_refused"


def test_what_the_engine_does_not_have(client: docker.DockerClient) -> None:
    with pytest.raises(NotFound), answers():
        client.containers.get("no-such-container")
