"""The chart: what it makes of its values, and that a real API server takes it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import utils

from dubhe_sdk.contract.kind import TaskKind, kind_of
from dubhe_sdk.launch.shutdown_times import read_shutdown_times
from tests.deploy.conftest import program
from tests.deploy.support import CHART, DEPLOY, VALUES, Helm, container, environment, of_kind
from tests.kubernetes.fixtures import TestCluster

IMAGE = "shapes:1"
TRAIN = {"workload": "train", "image": IMAGE, "request": {"data_paths": ["/data"]}}
INFER = {"workload": "infer", "image": IMAGE}
PLATFORM = {"workload": "platform", "image": IMAGE}
KAFKA = {"brokers": "kafka.example:9093"}


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_helm_lint_has_nothing_to_say(helm: Helm, values: Path) -> None:
    done = helm.run("lint", "--strict", CHART, "--values", values)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manifests_are_what_the_chart_renders(helm: Helm, tmp_path: Path) -> None:
    path = f"{helm.program.parent}:{os.environ['PATH']}"
    subprocess.run([DEPLOY / "render", tmp_path], env={**os.environ, "PATH": path}, check=True)
    rendered = {each.name: each.read_text() for each in tmp_path.iterdir()}
    kept = {each.name: each.read_text() for each in (DEPLOY / "manifests").iterdir()}
    assert rendered == kept, "run deploy/render"


@pytest.mark.parametrize("manifest", [each.stem for each in VALUES])
def test_a_namespace_with_the_restricted_level_takes_every_manifest(
    kubernetes_cluster: TestCluster, namespace: str, manifest: str
) -> None:
    """By a dry run, in which the API server checks every field; of pods, too."""
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    kubernetes_cluster.api.patch_namespace(namespace, {"metadata": {"labels": label}})
    api = kubernetes_cluster.api.api_client
    text = (DEPLOY / "manifests" / f"{manifest}.yaml").read_text()
    objects = [each for each in yaml.safe_load_all(text) if each]
    strict = {"dry_run": "All", "field_validation": "Strict"}
    for each in objects:
        if each["kind"] == "PodMonitor":
            continue  # the cluster has no operator
        each["metadata"]["namespace"] = namespace
        utils.create_from_dict(api, each, namespace=namespace, **strict)
        if template := each["spec"].get("template") if "spec" in each else None:
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, **template}
            pod["metadata"] = {**template["metadata"], "name": "pod", "namespace": namespace}
            # What the release makes as well, and a dry run has not kept.
            pod["spec"].pop("serviceAccountName", None)
            utils.create_from_dict(api, pod, namespace=namespace, **strict)


def test_prometheus_operator_takes_the_pod_monitor(helm: Helm) -> None:
    values = yaml.safe_load((DEPLOY / "values" / "infer.yaml").read_text())
    objects = helm.render(values)
    monitor = of_kind(objects, "PodMonitor")
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    ports = container(of_kind(objects, "Deployment"))["ports"]
    assert endpoint["port"] in [port["name"] for port in ports]
    checker = program("podmonitor")
    subprocess.run([checker], input=yaml.safe_dump(monitor), text=True, check=True)
    monitor["spec"]["podMetricsEndpoints"][0]["intervall"] = "30s"
    wrong = subprocess.run(
        [checker], input=yaml.safe_dump(monitor), text=True, stderr=subprocess.PIPE
    )
    assert wrong.returncode == 1
    assert "intervall" in wrong.stderr


@pytest.mark.parametrize(
    ("workload", "kind"),
    [("train", TaskKind.TRAIN), ("evaluate", TaskKind.EVALUATE), ("infer", TaskKind.INFER)],
)
def test_the_instance_id_fits_the_workload(helm: Helm, workload: str, kind: TaskKind) -> None:
    objects = helm.render({"workload": workload, "image": IMAGE}, "shapes-v2")
    runs = of_kind(objects, "Deployment" if workload == "infer" else "Job")
    name = environment(runs)["INSTANCE_ID"]
    assert name.startswith("shapes_v2-default-")
    assert kind_of(name) is kind


@pytest.mark.parametrize("seconds", [5, 30, 600])
@pytest.mark.parametrize(("base", "before"), [(TRAIN, 0), (INFER, 7)])
def test_one_value_sets_all_limits_of_a_shutdown(
    helm: Helm, base: dict[str, Any], before: int, seconds: int
) -> None:
    objects = helm.render({**base, "shutdownSeconds": seconds, "preStopSeconds": 7})
    runs = of_kind(objects, "Deployment" if before else "Job")
    times = read_shutdown_times(environment(runs))
    grace = runs["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert times.total == seconds
    assert grace == before + seconds + 1


def test_secrets_are_files_and_no_variables(helm: Helm) -> None:
    values = yaml.safe_load((DEPLOY / "values" / "distributed.yaml").read_text())
    job = of_kind(helm.render(values), "Job")
    files = {name: value for name, value in environment(job).items() if "/secrets/" in value}
    assert files == {
        "KAFKA_SASL_PASSWORD_FILE": "/secrets/kafka/password",
        "KAFKA_SSL_CAFILE": "/secrets/kafka/ca.crt",
    }
    [mount] = [each for each in container(job)["volumeMounts"] if each["name"] == "kafka"]
    assert mount == {"name": "kafka", "mountPath": "/secrets/kafka", "readOnly": True}


def test_env_takes_precedence(helm: Helm) -> None:
    job = of_kind(helm.render({**TRAIN, "env": {"DUBHE_ONCE": 0, "MORE": True}}), "Job")
    assert environment(job)["DUBHE_ONCE"] == "0"
    assert environment(job)["MORE"] == "true"
    names = [each["name"] for each in container(job)["env"]]
    assert len(names) == len(set(names))


def test_numbers_and_names_stay_what_they_are(helm: Helm) -> None:
    values = {**TRAIN, "env": {"STEPS": 1000000, "RATE": 0.5, "NO": "1e3"}}
    job = of_kind(helm.render({**values, "claims": [{"claim": "7", "path": "/data"}]}), "Job")
    found = environment(job)
    assert (found["STEPS"], found["RATE"], found["NO"]) == ("1000000", "0.5", "1e3")
    volumes = job["spec"]["template"]["spec"]["volumes"]
    [claim] = [each["persistentVolumeClaim"] for each in volumes if each["name"] == "claim-7"]
    assert claim == {"claimName": "7"}


def test_a_releases_name_fits_all_objects(helm: Helm) -> None:
    assert of_kind(helm.render(INFER, "plates.v2"), "Service")["metadata"]["name"] == "plates-v2"
    for name in ("2plates", "true"):
        done = helm.run("template", name, CHART, values=INFER)
        assert "must begin with a letter" in done.stderr


def test_nodes_of_a_distributed_task_share_the_spools_claim(helm: Helm) -> None:
    def modes(**values: Any) -> list[str]:
        objects = helm.render({**TRAIN, "spool": {"create": True}, **values})
        found: list[str] = of_kind(objects, "PersistentVolumeClaim")["spec"]["accessModes"]
        return found

    assert modes() == ["ReadWriteOnce"]
    assert modes(distributed={"enabled": True, "script": "train.py"}) == ["ReadWriteMany"]


def test_gpus_are_asked_for_and_seen(helm: Helm) -> None:
    job = of_kind(helm.render({**TRAIN, "gpus": 2}), "Job")
    assert container(job)["resources"]["limits"] == {"memory": "4Gi", "nvidia.com/gpu": "2"}
    assert environment(job)["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert "CUDA_VISIBLE_DEVICES" not in environment(of_kind(helm.render(TRAIN), "Job"))


def test_the_network_policy_lets_the_brokers_ports_out(helm: Helm) -> None:
    brokers = {"brokers": "a:9093,b,c:9094,d:9093"}
    policy = of_kind(
        helm.render({**TRAIN, "kafka": brokers, "networkPolicy": {"enabled": True}}),
        "NetworkPolicy",
    )
    ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
    assert ports == {53, 9092, 9093, 9094}


def test_a_claim_on_output_takes_the_place_of_the_folder_that_ends_with_the_pod(helm: Helm) -> None:
    def mounted(**values: Any) -> list[str]:
        mounts = container(of_kind(helm.render({**TRAIN, **values}), "Job"))["volumeMounts"]
        return [each["name"] for each in mounts if each["mountPath"].rstrip("/") == "/app/output"]

    assert mounted() == ["output"]
    assert mounted(claims=[{"claim": "models", "path": "/app/output"}]) == ["claim-models"]


def test_what_is_off_by_default(helm: Helm) -> None:
    kinds = sorted(each["kind"] for each in helm.render({**INFER, "kafka": KAFKA}))
    assert kinds == ["Deployment", "Service"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"workload": "train"}, "image is empty"),
        ({**TRAIN, "workload": "tarin"}, "workload"),
        ({**TRAIN, "shutdownSecond": 5}, "shutdownSecond"),
        ({**TRAIN, "instanceId": "a-b-c-1"}, "instanceId"),
        ({**TRAIN, "distributed": {"enabled": True}}, "distributed.script is empty"),
        ({**TRAIN, "workload": "deliver"}, "spool"),
        ({**INFER, "spool": {"claim": "spool"}}, "spool"),
        ({"workload": "platform", "image": IMAGE}, "platform.image is empty"),
        ({**PLATFORM, "kafka": {"securityProtocol": "SSL"}}, "securityProtocol"),
        ({**PLATFORM, "networkPolicy": {"enabled": True}}, "networkPolicy"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(
    helm: Helm, values: dict[str, Any], words: str
) -> None:
    assert words in helm.refusal(values)
