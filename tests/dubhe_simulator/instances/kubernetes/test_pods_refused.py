"""Pods that the cluster does not take, or cannot start, and what the page says of it."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from kubernetes import client

from tests.dubhe_simulator.instances.kubernetes.support import Place, reason, start_training
from tests.support.waiting import wait_for


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


def _restrict(place: Place) -> None:
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    place.cluster.api.patch_namespace(place.namespace, {"metadata": {"labels": label}})


def test_a_restricted_namespace_takes_pods_with_a_claim(place: Place) -> None:
    _restrict(place)
    api, folder = place.cluster.api, place.runs.parent
    name = {"name": place.namespace}
    capacity = {"storage": "1Gi"}
    common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    claim = {**common, "volumeName": place.namespace, "resources": {"requests": capacity}}
    api.create_persistent_volume(
        {
            "metadata": name,
            "spec": {**common, "capacity": capacity, "hostPath": {"path": str(folder)}},
        }
    )
    try:
        api.create_namespaced_persistent_volume_claim(
            place.namespace, {"metadata": {"name": "team"}, "spec": claim}
        )
        place.volume = ("--volume", f"{folder}=team")
        with place.ui() as ui:
            training = start_training(ui, epochs=20)
            ui.wait(lambda s: s["runs"][0]["status"] == 200, 60)
            rights = place.pod().spec.security_context
            assert rights.run_as_non_root and rights.run_as_user != 0
            ui.post("stop", instance=training)
        assert list((place.output / "models").glob("model_*_20_0.10.pth"))
        place.wait_until_empty()
    finally:
        api.delete_persistent_volume(place.namespace)


def test_a_restricted_namespace_takes_no_folder_of_its_nodes(place: Place) -> None:
    _restrict(place)
    with place.ui() as ui:
        error = ui.post("start", 409, kind="train")["error"]
    assert "Pod Security level" in error
    assert "hostPath" in error
