"""Fixtures around the Kubernetes cluster; the top-level ``conftest.py`` loads them for all.

Tests that use ``kubernetes_cluster`` are collected where somebody has started a cluster or names
one by KUBECONFIG; and in CI, where the first of them starts it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from urllib3.exceptions import HTTPError

from tests.kubernetes.own import OWN, PROGRAM
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from kubernetes.client import CoreV1Api

# Of a test in CI: the first one waits for the rest of the build, too.
CI_TIMEOUT_S = 1500
# A command that gives a cluster of somebody's own an image of the engine; its name follows. What
# begins with DUBHE_ is taken out of the environment of tests.
LOAD_IMAGE = "TEST_CLUSTER_LOAD_IMAGE"


@dataclass(frozen=True)
class TestCluster:
    """The cluster that answers.

    Attributes:
        kubeconfig: leads to it, as its administrator.
        api: a client of it.
        host: the address of this machine that its pods reach.
    """

    __test__ = False

    kubeconfig: Path
    api: CoreV1Api
    host: str

    @property
    def own(self) -> bool:
        """Whether it is the one that ``tests/kubernetes/cluster`` has started."""
        return self.kubeconfig == OWN

    def load(self, image: str) -> None:
        """Give it an image of the Docker engine."""
        command = [str(PROGRAM), "load"]
        if not self.own:
            command = shlex.split(os.environ.get(LOAD_IMAGE, ""))
        if not command:
            pytest.fail(
                f"the cluster of {self.kubeconfig} cannot pull {image}: name the command that "
                f"gives it an image of the Docker engine by {LOAD_IMAGE} (see CONTRIBUTING.md)"
            )
        subprocess.run([*command, image], check=True)

    def may_touch_its_node(self) -> None:
        """Skip a test that restarts the node or ends a process on it, if it is somebody's own."""
        if not self.own:
            pytest.skip("not with the cluster of KUBECONFIG: this test interferes with its node")

    def kill_first_process(self, pod: Any) -> None:
        """Send SIGKILL to PID 1 of a pod's container, from its node: in its own nobody can."""
        self.may_touch_its_node()
        os.kill(_first_process(pod), signal.SIGKILL)

    def pods(self, namespace: str) -> list[Any]:
        """Return a namespace's pods."""
        return list(self.api.list_namespaced_pod(namespace).items)


def _first_process(pod: Any) -> int:
    """Return the PID, on this machine, of what a pod's container has as PID 1."""
    uid = pod.metadata.uid
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if uid not in (process / "cgroup").read_text().replace("_", "-"):
                continue
            status = (process / "status").read_text()
            [numbers] = re.findall(r"^NSpid:\s*(.*)$", status, re.MULTILINE)
            # The sandbox has a PID 1 too.
            if numbers.split()[-1] == "1" and "Name:\tpause" not in status:
                return int(process.name)
    raise AssertionError(f"no process of pod {pod.metadata.name} on this machine")


@pytest.hookimpl(tryfirst=True)  # before the order of files is decided
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a cluster where nobody provides one."""
    using = [item for item in items if "kubernetes_cluster" in getattr(item, "fixturenames", ())]
    if _in_ci():
        for item in using:
            item.add_marker(pytest.mark.timeout(CI_TIMEOUT_S))
    elif using and not os.environ.get("KUBECONFIG") and not OWN.exists():
        items[:] = [item for item in items if item not in using]
        config.hook.pytest_deselected(items=using)


def _in_ci() -> bool:
    return bool(os.environ.get("CI"))


@pytest.fixture(scope="session")
def kubernetes_cluster() -> TestCluster:
    """The cluster of KUBECONFIG, or the one that ``tests/kubernetes/cluster`` has started."""
    # Not above: it takes a second, in every process of every test run.
    from kubernetes import client, config
    from kubernetes.client.exceptions import ApiException

    if _in_ci():
        subprocess.run([PROGRAM, "start"], check=True)
    kubeconfig = Path(os.environ.get("KUBECONFIG") or OWN)
    try:
        connected = config.new_client_from_config(str(kubeconfig))
        api = client.CoreV1Api(connected)
        api.list_node()
    except (config.ConfigException, HTTPError, ApiException, OSError):
        pytest.fail(f"the cluster of {kubeconfig} does not answer: start it again, or leave it out")
    server = urlsplit(connected.configuration.host)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as towards:
        towards.connect((server.hostname, server.port or 443))
        return TestCluster(kubeconfig, api, towards.getsockname()[0])


@pytest.fixture
def namespace(kubernetes_cluster: TestCluster) -> Iterator[str]:
    """A namespace of the test's own."""
    api, name = kubernetes_cluster.api, f"dubhe-test-{uuid.uuid4().hex[:8]}"
    api.create_namespace({"metadata": {"name": name}})
    # No pod is admitted before.
    wait_for(lambda: api.list_namespaced_service_account(name).items, "the default account")
    yield name
    api.delete_namespace(name)
