"""Helm, as `tests/kubernetes/cluster start` builds it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.deploy.support import Helm
from tests.kubernetes.fixtures import REPOSITORY, TestCluster

PROGRAMS = REPOSITORY / ".cache" / "kubernetes" / "bin"


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
