"""Helm as the test cluster has it, releases in a namespace of the test's own, and what they run."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from tests.deploy.algorithm import FILES
from tests.deploy.support import Helm, Place
from tests.docker import engine
from tests.kafka.broker import Broker
from tests.kubernetes.fixtures import TestCluster
from tests.kubernetes.own import REPOSITORY

PROGRAMS = REPOSITORY / ".cache" / "kubernetes" / "bin"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def program(name: str) -> Path:
    """Return one of the programs that the cluster is built with, or the machine's own."""
    found = PROGRAMS / name
    if not found.exists():
        own = shutil.which(name)
        assert own, f"{name} is neither in {PROGRAMS} nor on PATH: tests/kubernetes/cluster start"
        found = Path(own)
    return found


@pytest.fixture(scope="session")
def helm(kubernetes_cluster: TestCluster) -> Helm:
    """Helm with the test's cluster."""
    return Helm(program("helm"), kubernetes_cluster.kubeconfig)


@pytest.fixture(scope="session")
def load_image(
    docker_engine: docker.DockerClient, base_image: str, kubernetes_cluster: TestCluster
) -> Iterator[Callable[[Path], str]]:
    """Build a folder's image on dubhe-base, and give it to the cluster; returns its name."""
    made = []

    def make(folder: Path) -> str:
        # Another tag than `latest`, which would be pulled.
        made.append(f"dubhe-test-deploy-{uuid.uuid4().hex[:8]}:1")
        engine.build(made[-1], folder)
        kubernetes_cluster.load(made[-1])
        return made[-1]

    yield make
    for each in made:
        docker_engine.images.remove(each, force=True)


@pytest.fixture(scope="session")
def algorithm(load_image: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of `tests.deploy.algorithm`."""
    folder = tmp_path_factory.mktemp("deploy")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return load_image(folder)


@pytest.fixture(scope="session")
def pod_kafka(
    kubernetes_cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    """A broker at an address that pods reach; it stays up."""
    folder = tmp_path_factory.mktemp("kafka") / "pods"
    with Broker(folder, host=kubernetes_cluster.host) as broker:
        yield broker


@pytest.fixture
def place(
    kubernetes_cluster: TestCluster, helm: Helm, namespace: str, algorithm: str
) -> Iterator[Place]:
    """A namespace with the restricted level, and what is installed into it."""
    kubernetes_cluster.api.patch_namespace(namespace, {"metadata": {"labels": RESTRICTED}})
    found = Place(kubernetes_cluster, helm, namespace, algorithm)
    yield found
    found.clear()
