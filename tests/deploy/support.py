"""Helm, and what it has installed in the test's namespace."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client
from kubernetes.stream import stream

from tests.kafka.broker import Broker
from tests.kafka.reader import read_topic
from tests.kubernetes.fixtures import TestCluster
from tests.kubernetes.own import REPOSITORY
from tests.support.waiting import wait_for

DEPLOY = REPOSITORY / "deploy"
CHART = DEPLOY / "chart"
VALUES = sorted((DEPLOY / "values").glob("*.yaml"))
TIMEOUT_S = 120
# Of what takes seconds on an idle machine.
PATIENCE_S = 180.0

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Helm:
    """The program.

    Attributes:
        program: its path.
        kubeconfig: of the cluster that it installs into.
    """

    program: Path
    kubeconfig: Path

    def run(
        self, *arguments: object, values: Values | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, whatever its status is; values go in by standard input."""
        words = [str(self.program), *map(str, arguments)]
        if values is not None:
            words += ["--values", "-"]
        return subprocess.run(
            [*words, "--kubeconfig", str(self.kubeconfig)],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )

    def render(self, values: Values, name: str = "shapes") -> list[dict[str, Any]]:
        """Return the objects of a release."""
        done = self.run("template", name, CHART, "--namespace", "default", values=values)
        assert done.returncode == 0, done.stderr
        return [each for each in yaml.safe_load_all(done.stdout) if each]

    def refusal(self, values: Values) -> str:
        """Return why values are refused."""
        done = self.run("template", "shapes", CHART, values=values)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def install(self, name: str, namespace: str, values: Values) -> None:
        """Install a release, or change it."""
        done = self.run("upgrade", "--install", name, CHART, "-n", namespace, values=values)
        assert done.returncode == 0, done.stderr


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the one object of a kind."""
    [found] = [each for each in objects if each["kind"] == kind]
    return found


def container(workload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the container of a Job or a Deployment."""
    [found] = workload["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environment(workload: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables of its container."""
    return {each["name"]: each.get("value", "") for each in container(workload)["env"]}


class Place:
    """A namespace, and the releases in it.

    Args:
        cluster: with the namespace.
        helm: installs into it.
        namespace: its name.
        image: of the algorithm.
    """

    def __init__(self, cluster: TestCluster, helm: Helm, namespace: str, image: str) -> None:
        self.cluster = cluster
        self.api = cluster.api
        self.batch = client.BatchV1Api(cluster.api.api_client)
        self.helm = helm
        self.namespace = namespace
        self.image = image
        self._volumes: list[str] = []

    def install(self, name: str, values: Values) -> None:
        """Install a release of the algorithm, or change it; it asks for little."""
        little = {
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "resources": {
                "requests": {"cpu": "10m", "memory": "64Mi"},
                "limits": {"memory": "1Gi"},
            },
        }
        self.helm.install(name, self.namespace, {**little, **values})

    def claim(self, name: str, folder: Path, *, writable: bool = True) -> str:
        """Make a claim that is a folder of this machine, writable by everybody if at all."""
        if writable:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)
        volume = f"{self.namespace}-{name}"
        size = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"]}
        asked = {"accessModes": size["accessModes"], "resources": {"requests": size["capacity"]}}
        self.api.create_persistent_volume(
            {
                "metadata": {"name": volume},
                "spec": {
                    **size,
                    "storageClassName": "",
                    "hostPath": {"path": str(folder)},
                    "claimRef": {"namespace": self.namespace, "name": name},
                },
            }
        )
        self._volumes.append(volume)
        spec = {**asked, "storageClassName": "", "volumeName": volume}
        self.api.create_namespaced_persistent_volume_claim(
            self.namespace, {"metadata": {"name": name}, "spec": spec}
        )
        return name

    def pods(self, release: str) -> list[Any]:
        """Return the pods of a release."""
        selector = f"app.kubernetes.io/instance={release}"
        return list(self.api.list_namespaced_pod(self.namespace, label_selector=selector).items)

    def wait_job(self, name: str) -> Any:
        """Wait for the end of a Job; return its condition ``Complete`` or ``Failed``."""

        def ended() -> Any:
            status = self.batch.read_namespaced_job_status(name, self.namespace).status
            found = [each for each in status.conditions or () if each.status == "True"]
            return next((each for each in found if each.type in ("Complete", "Failed")), None)

        return wait_for(ended, lambda: f"the end of {name}: {self.logs(name)}", PATIENCE_S)

    def wait_logged(self, release: str, text: str) -> Any:
        """Wait for a line in the log of a release's one pod; return the pod."""
        wait_for(lambda: text in self.logs(release), lambda: self.logs(release), PATIENCE_S)
        [pod] = self.pods(release)
        return pod

    def logs(self, release: str) -> str:
        """Return what the pods of a release have written, and where they stand."""
        lines = []
        for pod in self.pods(release):
            lines.append(f"-- {pod.metadata.name}: {pod.status.phase}")
            with contextlib.suppress(client.ApiException):  # it has not begun
                lines.append(self.api.read_namespaced_pod_log(pod.metadata.name, self.namespace))
        return "\n".join(lines)

    def run(self, pod: Any, *command: str) -> str:
        """Run a command in a pod; return what it has written."""
        return str(
            stream(
                self.api.connect_get_namespaced_pod_exec,
                pod.metadata.name,
                self.namespace,
                command=list(command),
                stdout=True,
                stderr=True,
            )
        )

    def clear(self) -> None:
        """Remove what runs, and the volumes; the namespace goes with the rest."""
        every = {"namespace": self.namespace, "propagation_policy": "Background"}
        self.batch.delete_collection_namespaced_job(**every)
        self.api.delete_collection_namespaced_pod(self.namespace, grace_period_seconds=0)
        for volume in self._volumes:
            self.api.delete_persistent_volume(volume)


def exit_status(pod: Any) -> int:
    """Return the status of a pod's container, which has ended."""
    [status] = pod.status.container_statuses
    return int(status.state.terminated.exit_code)


def words(broker: Broker, topic: str) -> list[Any]:
    """Return what a plain consumer reads: progress as its number, the rest by its action."""
    found: list[Any] = []
    for message in read_topic(broker.bootstrap, topic):
        data = json.loads(message.value or b"")["data"]
        found.append(data["number"] if "number" in data else f"{data['action']} {data['status']}")
    return found


def kafka_values(broker: Broker, topic: str) -> dict[str, str]:
    """Return the chart's values for a broker, with one topic: its order is the whole order."""
    return {"brokers": broker.bootstrap, "statusTopic": topic, "resultTopic": topic}
