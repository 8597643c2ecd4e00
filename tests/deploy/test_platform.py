"""The local platform as a pod: what it does through its page's API, and what its rights are."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest
from kubernetes import client

from tests.deploy.conftest import program
from tests.deploy.support import DEPLOY, PATIENCE_S, Place
from tests.docker import engine
from tests.docker.mirror import PackageMirror
from tests.dubhe_simulator.ui import Api
from tests.kubernetes.fixtures import TestCluster
from tests.support.waiting import wait_for

TOKEN = "a-token-of-this-test"
MAY = {
    *((verb, "pods") for verb in ("create", "delete", "list", "watch")),
    ("get", "pods/log"),
}
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES = (
    *(("", name) for name in ("pods", "pods/log", "pods/exec", "pods/eviction", "secrets")),
    *(("", name) for name in ("configmaps", "services", "serviceaccounts", "nodes", "namespaces")),
    *(("", "persistentvolumeclaims"), ("apps", "deployments"), ("batch", "jobs")),
    *(("rbac.authorization.k8s.io", name) for name in ("roles", "rolebindings")),
)


@pytest.fixture(scope="session")
def platform_image(
    docker_engine: docker.DockerClient, base_image: str, kubernetes_cluster: TestCluster
) -> Iterator[str]:
    """The image of deploy/platform, which the cluster has."""
    tag = f"dubhe-test-platform-{uuid.uuid4().hex[:8]}:1"
    with PackageMirror("kubernetes>=37") as mirror:
        engine.build(tag, DEPLOY / "platform", arguments={"PIP_INDEX_URL": mirror.url})
    kubernetes_cluster.load(tag)
    yield tag
    docker_engine.images.remove(tag, force=True)


@pytest.fixture
def shared(place: Place, platform_image: str, tmp_path: Path) -> Path:
    """The folder that is the claim of a platform, which is installed."""
    secret = {"metadata": {"name": "page"}, "stringData": {"token": TOKEN}}
    place.api.create_namespaced_secret(place.namespace, secret)
    folder = tmp_path / "shared"
    for split in ("train", "val", "test"):
        (folder / "data" / split / "plate").mkdir(parents=True)
        (folder / "data" / split / "plate" / "1.png").touch()
    place.install(
        "platform",
        {
            "workload": "platform",
            "platform": {
                "image": platform_image,
                "tokenSecret": "page",
                "claim": place.claim("shared", folder),
                "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
            },
            "params": {"count": 20, "hold": True},
        },
    )
    return folder


@contextmanager
def forwarded(place: Place) -> Iterator[int]:
    """Yield the port of this machine that leads to the page."""

    def ready() -> bool:
        return any(each.ready for pod in place.pods("platform") for each in _statuses(pod))

    wait_for(ready, lambda: place.logs("platform"), PATIENCE_S)
    command = [
        program("kubectl"),
        "-n",
        place.namespace,
        "port-forward",
        "service/platform",
        ":8040",
    ]
    with subprocess.Popen(
        command,
        env={**os.environ, "KUBECONFIG": str(place.cluster.kubeconfig)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()  # Forwarding from 127.0.0.1:40123 -> 8040
        try:
            yield int(line.split(" -> ")[0].rpartition(":")[2])
        finally:
            process.terminate()


def _statuses(pod: client.V1Pod) -> list[client.V1ContainerStatus]:
    return pod.status.container_statuses or []


def test_an_instance_is_started_followed_stopped_and_removed(place: Place, shared: Path) -> None:
    with forwarded(place) as port:
        status, _, _ = Api(port, None).raw("GET", "/api/state")
        assert status == 401
        ui = Api(port, TOKEN)
        ui.post("workflow/train")
        state = ui.wait(lambda s: s["runs"] and s["runs"][0]["progress"] == 1, PATIENCE_S)
        name = state["instances"][0]["id"]
        assert ui.instance(name)["state"] == "running"
        [pod] = instances(place)
        assert pod.spec.service_account_name == "default"
        assert pod.spec.automount_service_account_token is False
        found = ui.get("log", instance=name, file="console")
        assert "everything is reported" in str(found)
        assert list((shared / "output" / "models").glob("model_*"))
        ui.post("stop", instance=name)
        ui.wait_state(name, "stopped")
        assert "stopped by SIGTERM" in ui.runs_of(name)[0]["message"]
        wait_for(lambda: instances(place) == [], "the pod's end", PATIENCE_S)
        ui.post("forget", instance=name)
        assert ui.get("state")["instances"] == []


def test_a_killed_platform_takes_its_instances_over_again(place: Place, shared: Path) -> None:
    with forwarded(place) as port:
        ui = Api(port, TOKEN)
        ui.post("workflow/train")
        ui.wait(lambda s: s["runs"] and s["runs"][0]["progress"] == 1, PATIENCE_S)
        [name] = [each["id"] for each in ui.get("state")["instances"]]
    [before] = instances(place)
    [platform] = place.pods("platform")
    place.cluster.kill_first_process(platform)

    def again() -> bool:
        return any(
            each.ready and each.restart_count
            for pod in place.pods("platform")
            for each in _statuses(pod)
        )

    wait_for(again, lambda: place.logs("platform"), PATIENCE_S)
    with forwarded(place) as port:
        ui = Api(port, TOKEN)
        ui.wait_state(name, "running")
        assert [pod.metadata.uid for pod in instances(place)] == [before.metadata.uid]
        ui.post("stop", instance=name)
        ui.wait_state(name, "stopped")
        assert "stopped by SIGTERM" in ui.runs_of(name)[0]["message"]
        wait_for(lambda: instances(place) == [], "the pod's end", PATIENCE_S)


def instances(place: Place) -> list[client.V1Pod]:
    """The pods that the platform has made."""
    label = "app.kubernetes.io/managed-by=dubhe-simulator"
    return list(place.api.list_namespaced_pod(place.namespace, label_selector=label).items)


def test_the_platforms_account_may_do_that_and_nothing_else(place: Place, shared: Path) -> None:
    user = f"system:serviceaccount:{place.namespace}:platform"
    reviews = client.AuthorizationV1Api(place.api.api_client)

    def allowed(namespace: str) -> set[tuple[str, str]]:
        found = set()
        for group, resource in RESOURCES:
            name, _, sub = resource.partition("/")
            for verb in VERBS:
                asked = {"namespace": namespace, "verb": verb, "group": group, "resource": name}
                spec = {"user": user, "resourceAttributes": {**asked, "subresource": sub}}
                review = reviews.create_subject_access_review({"spec": spec})
                if review.status.allowed:
                    found.add((verb, resource))
        return found

    assert allowed(place.namespace) == MAY
    assert allowed("default") == set()
