"""Fixtures of the tests with pods of a real cluster."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import ImageNotFound

from tests.dubhe_simulator.instances.docker.support import dubhe
from tests.dubhe_simulator.instances.kubernetes.support import APP, Place
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory
from tests.kubernetes.fixtures import TestCluster


@pytest.fixture(scope="session")
def algorithm(
    docker_engine: docker.DockerClient,
    base_image: str,
    kubernetes_cluster: TestCluster,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """An algorithm whose image the cluster has, as its folder's name and ``:1``."""
    folder = tmp_path_factory.mktemp("pods") / f"dubhe-test-pods-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    (folder / "run.sh").write_text('export protocol="http"\npython3 -u app.py\n')
    (folder / "Dockerfile").write_text("FROM dubhe-base\nCOPY . /app\n")
    done = dubhe("build", folder, "--tag", f"{folder.name}:1")
    assert done.returncode == 0, done.stdout
    kubernetes_cluster.load(f"{folder.name}:1")
    yield folder
    with contextlib.suppress(ImageNotFound):
        docker_engine.images.remove(f"{folder.name}:1", force=True)


@pytest.fixture
def place(
    kubernetes_cluster: TestCluster, namespace: str, algorithm: Path, tmp_path: Path
) -> Iterator[Place]:
    found = Place(kubernetes_cluster, namespace, tmp_path, algorithm)
    yield found
    try:
        found.wait_until_empty()
    finally:
        for pod in found.pods():
            kubernetes_cluster.api.delete_namespaced_pod(
                pod.metadata.name, namespace, grace_period_seconds=0
            )


@pytest.fixture
def broker(make_broker: BrokerFactory, kubernetes_cluster: TestCluster) -> Broker:
    """A broker at an address that pods reach."""
    found = make_broker(host=kubernetes_cluster.host)
    found.start()
    return found


@pytest.fixture
def topics(broker: Broker, topic_name: str) -> dict[str, str]:
    """Variables that name two topics."""
    found = {f"TOPIC_MODEL_{word}": f"{topic_name}-{word}" for word in ("STATUS", "RESULT")}
    for topic in found.values():
        broker.create_topic(topic)
    return found
