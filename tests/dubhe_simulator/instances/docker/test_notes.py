"""What a later session of the platform reads from a real container."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.instances.docker.instance import DockerInstance
from dubhe_simulator.instances.docker.notes import spec_of
from dubhe_simulator.instances.docker.spec import ContainerSpec, own_user
from dubhe_simulator.instances.local import free_port


@pytest.fixture
def network(docker_engine: docker.DockerClient) -> Iterator[str]:
    """A network as Compose makes one."""
    found = docker_engine.networks.create(f"dubhe-test-{uuid.uuid4().hex[:8]}")
    yield str(found.name)
    found.remove()


@pytest.mark.parametrize("where", ["loopback", "host", "network"])
def test_it_is_found_with_what_it_was_made_with(
    docker_engine: docker.DockerClient,
    built: dict[str, Path],
    network: str,
    tmp_path: Path,
    where: str,
) -> None:
    name = f"a-b-infer-{uuid.uuid4().hex[:8]}"
    spec = ContainerSpec(
        built["tcp"].name,
        TaskKind.INFER,
        name,
        tmp_path / "infer",
        name=f"dubhe-{name}",
        user=own_user(),
        port=free_port() if where == "host" else None,
        network={"loopback": None, "host": "host", "network": network}[where],
        memory="256m",
        temporary=tmp_path / "infer",
        spool=tmp_path / "spool",
        reported_before=7,
        published=where == "loopback",  # on the host's network there is nothing to publish
        environment={"DUBHE_SHUTDOWN_TIMEOUT_SECONDS": "3"},
    )
    with DockerInstance(docker_engine, spec) as first:
        container = docker_engine.containers.get(spec.name)
        found = spec_of(container.attrs)
        assert found is not None
        assert {**found.environment}.items() >= spec.environment.items()
        given = replace(spec, memory=str(256 << 20), environment={}, output=None)
        assert replace(found, environment={}) == replace(given, network=found.network)
        second = DockerInstance(docker_engine, found)
        second.adopt(container)
        assert (second.address, second.protocol) == (first.address, first.protocol)
        assert second.grace == first.grace
        assert second.stop() == first.stop()


def test_one_of_somebody_else_is_not(
    docker_engine: docker.DockerClient, built: dict[str, Path]
) -> None:
    container = docker_engine.containers.create(built["tcp"].name)
    try:
        assert spec_of(container.attrs) is None
    finally:
        container.remove()
