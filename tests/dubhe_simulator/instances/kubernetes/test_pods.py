"""The platform with ``--on kubernetes``: instances in pods of a real cluster."""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from docker.errors import ImageNotFound
from kubernetes import client
from kubernetes.stream import stream

from tests.dubhe_simulator.instances.docker.support import dubhe
from tests.dubhe_simulator.ui import Ui
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory
from tests.kubernetes.fixtures import TestCluster
from tests.support.waiting import wait_for

APP = """
import time
from pathlib import Path

import dubhe_sdk


@dubhe_sdk.pipeline()
class Net:
    def __init__(self, ctx):
        self.taken = []

    @dubhe_sdk.train()
    def train(self, ctx):
        given = ctx.get("special_params") or {}
        epochs = given.get("epochs", 100_000)
        models = Path("output/models")
        models.mkdir(parents=True, exist_ok=True)
        epoch = 0
        try:
            for epoch in range(1, epochs + 1):
                if given.get("eat"):
                    self.taken.append(b"x" * (32 << 20))
                ctx.logProgressByEpoch(epoch, epoch / epochs, {"loss": 1 / epoch})
                time.sleep(0.05)
        except dubhe_sdk.TaskStopped:
            (models / "checkpoint.pth").write_text(str(epoch))
            raise
        (models / f"model_20260101000000000_{epoch}_0.10.pth").write_text("weights")

    @dubhe_sdk.predict()
    def predict(self, ctx):
        assert Path(ctx.get("model_path")).read_text() == "weights"
        ctx.logResultDetails("1.png", "a", "a", 0.9)
        ctx.logProgress(1.0)

    @dubhe_sdk.inference()
    def infer(self, ctx):
        return [{"img_path": "1.png", "model": Path(ctx.get("model_path")).name}]
"""


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


class Place:
    """A platform's folder, and a namespace for its pods."""

    def __init__(self, cluster: TestCluster, namespace: str, folder: Path, algorithm: Path) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.runs = folder / "runs"
        self.output = folder / "output"
        self.algorithm = algorithm
        self.options: tuple[object, ...] = (
            *("--on", "kubernetes", "--namespace", namespace, "--image", f"{algorithm.name}:1"),
            *("--name", "net", "--volume", f"{folder}={folder}", "--output-dir", self.output),
        )
        self.environment = {"KUBECONFIG": str(cluster.kubeconfig), "LC_ALL": "C.UTF-8"}

    def ui(self, *options: object, **environment: str) -> Ui:
        env = {**self.environment, **environment}
        return Ui(self.runs, self.algorithm, *self.options, *options, **env)

    def pods(self) -> list[Any]:
        return self.cluster.pods(self.namespace)

    def wait_until_empty(self) -> None:
        """Wait for the end of all pods: the kubelet removes one a moment after its end."""
        wait_for(lambda: self.pods() == [], lambda: f"left: {[p.metadata for p in self.pods()]}")

    def messages(self, name: str) -> list[dict[str, Any]]:
        """What the journal of a run has of an instance."""
        [journal] = self.runs.glob("*/train/journal/*.jsonl")
        values = [json.loads(line)["value"] for line in journal.read_text().splitlines()]
        return [value for value in values if value["instance_id"] == name]


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


def start_training(ui: Ui, **params: object) -> str:
    """Start a training; return its instance once it goes on."""
    ui.post("workflow/train", special_params=params)
    state = ui.wait(lambda s: s["runs"] and s["runs"][0]["progress"], 90)
    return str(state["instances"][0]["id"])


def reason(ui: Ui, word: str, kind: str = "train") -> str:
    """Start an instance; return what is said of it once that has a word."""
    name = ui.post("start", kind=kind)["instance"]
    wait_for(lambda: word in ui.instance(name)["reason"], lambda: str(ui.instance(name)))
    return str(ui.instance(name)["reason"])


def test_train_evaluate_infer_with_kafka(
    place: Place, broker: Broker, topics: dict[str, str]
) -> None:
    words = (place.algorithm, *place.options, "--runs-dir", place.runs)
    more = ("--brokers", broker.bootstrap, "--special-params", '{"epochs": 5}')
    done = dubhe("play", *words, *more, env={**place.environment, **topics})
    assert done.returncode == 0, done.stdout
    rows = re.findall(
        r"^  (training|evaluation|inference) .* (\d+) +(\d+) +0 +0$", done.stdout, re.M
    )
    assert [row[0] for row in rows] == ["training", "evaluation", "inference"]
    assert all(reported == received != "0" for _, reported, received in rows)
    assert list((place.output / "models").glob("model_*_5_0.10.pth"))
    place.wait_until_empty()
    for console in place.runs.glob("20*/*/console.log"):
        assert "READY" in console.read_text()


def test_somebody_deletes_the_pod_in_mid_training(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        [pod] = place.pods()
        assert pod.spec.enable_service_links is False
        place.cluster.api.delete_namespaced_pod(pod.metadata.name, place.namespace)
        ui.wait_state(name, "failed", 60)
        last = place.messages(name)[-1]["data"]
        assert (last["action"], last["status"]) == ("END", 300)
        assert "SIGTERM" in last["msg"]
        assert (place.output / "models" / "checkpoint.pth").exists()
        place.wait_until_empty()


def test_everything_in_the_container_is_killed(
    place: Place, broker: Broker, topics: dict[str, str]
) -> None:
    with place.ui("--brokers", broker.bootstrap, **topics) as ui:
        name = start_training(ui)
        [pod] = place.pods()
        with contextlib.suppress(Exception):  # the connection ends with the container
            stream(
                place.cluster.api.connect_get_namespaced_pod_exec,
                pod.metadata.name,
                place.namespace,
                command=["sh", "-c", "kill -9 -1"],
                stdout=True,
            )
        state = ui.wait(lambda s: s["workflow"]["state"] == "failed", 60)
        assert "ended with status 137" in state["workflow"]["error"]
        assert ui.instance(name)["reason"] == "exited with status 137"
        # Its spool is the next one's, which delivers the END that was missing.
        ui.post("start", kind="train")
        ui.wait(lambda s: [run["status"] for run in s["runs"]] == [300], 60)


def test_the_memory_limit(place: Place) -> None:
    with place.ui("--memory", "400m") as ui:
        ui.post("workflow/train", special_params={"eat": True})
        state = ui.wait(lambda s: s["workflow"] and s["workflow"]["state"] == "failed", 90)
        name = state["instances"][0]["id"]
        last = place.messages(name)[-1]["data"]
        assert (last["action"], last["status"]) == ("END", 300)
        assert "memory" in last["msg"]


def test_an_image_that_cannot_be_pulled(place: Place) -> None:
    with place.ui("--image", "dubhe.invalid/absent:1") as ui:
        text = reason(ui, "cannot be pulled")
        assert "the image dubhe.invalid/absent:1 cannot be pulled: " in text
        name = ui.get("state")["instances"][0]["id"]
        _, _, content = ui.raw("GET", "/api/state", Accept_Language="zh")
        [shown] = json.loads(content)["instances"]
        assert shown["reason"].startswith("无法拉取镜像 dubhe.invalid/absent:1")
        ui.post("stop", instance=name)
        assert ui.instance(name)["state"] == "ended"


def test_no_node_has_a_gpu(place: Place) -> None:
    with place.ui("--gpus", "1") as ui:
        assert "nvidia.com/gpu" in reason(ui, "no node can run the pod")


def test_the_quota_is_exhausted(place: Place) -> None:
    api = place.cluster.api
    api.create_namespaced_resource_quota(
        place.namespace, {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    )
    wait_for(
        lambda: api.read_namespaced_resource_quota("none", place.namespace).status.hard,
        "the quota",
    )
    with place.ui() as ui:
        error = ui.post("start", 409, kind="train")["error"]
    assert f"the quota of namespace {place.namespace} is exhausted: " in error


def test_a_platform_without_the_right_to_make_pods(place: Place, tmp_path: Path) -> None:
    api, name = place.cluster.api, {"metadata": {"name": "watcher"}}
    rights = client.RbacAuthorizationV1Api(api.api_client)
    api.create_namespaced_service_account(place.namespace, name)
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}
    rights.create_namespaced_role(place.namespace, {**name, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "name": "watcher", "namespace": place.namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "watcher"}
    rights.create_namespaced_role_binding(
        place.namespace, {**name, "subjects": [subject], "roleRef": role}
    )
    token = api.create_namespaced_service_account_token("watcher", place.namespace, {"spec": {}})
    kubeconfig = yaml.safe_load(place.cluster.kubeconfig.read_text())
    kubeconfig["users"][0]["user"] = {"token": token.status.token}
    restricted = tmp_path / "kubeconfig"
    restricted.write_text(yaml.safe_dump(kubeconfig))
    with place.ui(KUBECONFIG=str(restricted)) as ui:
        error = ui.post("start", 409, kind="train")["error"]
    assert "needs the verbs create, delete, list and watch on pods" in error
    assert 'cannot create resource "pods"' in error


def test_a_killed_platform_finds_its_instances_again(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        ui.kill()
    [pod] = place.pods()
    with place.ui() as ui:
        assert [each.metadata.uid for each in place.pods()] == [pod.metadata.uid]
        before = ui.runs_of(name)[0]["progress"]
        ui.wait(lambda s: s["runs"][0]["progress"] > before, 60)
        found = ui.wait_state(name, "running", 60)
        assert found["owned"] and found["address"]
        ui.post("stop", instance=name)
        ui.wait_state(name, "failed", 60)  # it was cut off, and its END says so
        place.wait_until_empty()
    assert place.messages(name)[-1]["data"]["status"] == 300


def test_the_end_of_the_platform_ends_its_instances_in_order(place: Place) -> None:
    with place.ui() as ui:
        name = start_training(ui)
        assert ui.end() == 143
    place.wait_until_empty()
    assert place.messages(name)[-1]["data"]["status"] == 300
