"""The cluster that ``tests/kubernetes/cluster`` starts."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
OWN = Path("/var/lib/dubhe-test-cluster/kubeconfig")
PROGRAM = REPOSITORY / "tests" / "kubernetes" / "cluster"
