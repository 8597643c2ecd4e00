"""Statuses as kubelet and controllers write them, and what they mean for an instance."""

from __future__ import annotations

from typing import Any

import pytest

from dubhe_simulator.instances.base import ExitInfo
from dubhe_simulator.instances.kubernetes.status import address_of, exit_of, has_run, waits_for
from tests.support.languages import in_both_languages

IMAGE = "registry.example/digits:1"


def pod(
    state: dict[str, Any] | None = None, *, deleted_at: str | None = None, **status: Any
) -> dict[str, Any]:
    """A pod whose container is in this state."""
    found: dict[str, Any] = {
        "metadata": {"name": "dubhe-x"},
        "spec": {
            "nodeName": "node-1",
            "containers": [
                {"name": "algorithm", "image": IMAGE, "resources": {"limits": {"memory": "1Gi"}}}
            ],
        },
        "status": dict(status),
    }
    if deleted_at is not None:
        found["metadata"]["deletionTimestamp"] = deleted_at
    if state is not None:
        sidecar = {"name": "istio-proxy", "state": {"running": {}}}  # put in by somebody's webhook
        found["status"]["containerStatuses"] = [sidecar, {"name": "algorithm", "state": state}]
    return found


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def terminated(code: int, reason: str, message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


@pytest.mark.parametrize(
    ("given", "english", "chinese"),
    [
        (pod(phase="Pending"), "a node is preparing the container", "节点正在准备容器"),
        (
            pod(waiting("ContainerCreating"), phase="Pending"),
            "a node is preparing the container",
            "节点正在准备容器",
        ),
        (
            pod(
                phase="Pending",
                conditions=[
                    condition("PodScheduled", "False", "Unschedulable", "0/1 nodes: no GPU")
                ],
            ),
            "no node can run the pod: 0/1 nodes: no GPU",
            "没有节点能运行该 pod：0/1 nodes: no GPU",
        ),
        (
            pod(waiting("ImagePullBackOff", "not found"), phase="Pending"),
            f"the image {IMAGE} cannot be pulled: not found",
            f"无法拉取镜像 {IMAGE}：not found",
        ),
        (
            pod(waiting("ErrImageNeverPull", "absent"), phase="Pending"),
            f"the image {IMAGE} is not on the node, and it is never pulled: absent",
            f"节点上没有镜像 {IMAGE}，且设置为从不拉取：absent",
        ),
        (
            pod(waiting("InvalidImageName", "bad"), phase="Pending"),
            f"{IMAGE} is not a valid image name: bad",
            f"{IMAGE} 不是有效的镜像名：bad",
        ),
        (
            pod(waiting("CreateContainerConfigError", "no secret x"), phase="Pending"),
            "the container cannot be started: CreateContainerConfigError no secret x",
            "容器无法启动：CreateContainerConfigError no secret x",
        ),
        (
            pod({"running": {}}, phase="Running", reason="NodeLost"),
            "node node-1 does not answer",
            "节点 node-1 没有响应",
        ),
    ],
)
def test_what_a_pod_waits_for(given: dict[str, Any], english: str, chinese: str) -> None:
    found = waits_for(given)
    assert found is not None
    assert in_both_languages(lambda: found.text) == (english, chinese)
    assert exit_of(given, deleted=False, asked=False) is None


def test_a_running_pod_waits_for_nothing() -> None:
    given = pod({"running": {}}, phase="Running", podIP="10.1.2.3")
    assert waits_for(given) is None
    assert address_of(given) == "10.1.2.3"
    assert has_run(given)
    assert not has_run(pod(waiting("ContainerCreating"), phase="Pending"))


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        (pod(terminated(0, "Completed"), phase="Succeeded"), 0, None),
        (pod(terminated(2, "Error"), phase="Failed"), 2, None),
        (
            pod(terminated(137, "OOMKilled"), phase="Failed"),
            137,
            (
                "the memory limit (1Gi) was exceeded, and a process was killed: raise it "
                "with --memory",
                "超出内存限制（1Gi），有进程被杀死：请用 --memory 调大",
            ),
        ),
        (
            pod(terminated(128, "StartError", "no such file: run"), phase="Failed"),
            128,
            (
                "the container cannot be started: StartError no such file: run",
                "容器无法启动：StartError no such file: run",
            ),
        ),
        (
            pod(phase="Failed", reason="Evicted", message="low on memory"),
            1,
            ("the node evicted the pod: low on memory", "节点驱逐了该 pod：low on memory"),
        ),
        (
            pod(
                terminated(143, "Error"),
                phase="Failed",
                conditions=[condition("DisruptionTarget", "True", "PreemptionByScheduler", "by y")],
            ),
            143,
            (
                "the cluster ended the pod: PreemptionByScheduler by y",
                "集群结束了该 pod：PreemptionByScheduler by y",
            ),
        ),
        (
            pod(phase="Failed", reason="NodeShutdown", message="the node is shut down"),
            1,
            (
                "the cluster ended the pod: NodeShutdown the node is shut down",
                "集群结束了该 pod：NodeShutdown the node is shut down",
            ),
        ),
        (
            pod(terminated(143, "Error"), phase="Failed", deleted_at="2026-01-01T00:00:00Z"),
            143,
            ("somebody deleted the pod", "有人删除了该 pod"),
        ),
    ],
)
def test_how_a_pod_ended(
    given: dict[str, Any], status: int, reason: tuple[str, str] | None
) -> None:
    found = exit_of(given, deleted=False, asked=False)
    assert found is not None and found.status == status
    why = found.reason
    assert (in_both_languages(lambda: why.text) if why else None) == reason


def test_a_pod_that_the_platform_has_deleted() -> None:
    at = "2026-01-01T00:00:00Z"
    running = pod({"running": {}}, phase="Running", deleted_at=at)
    assert exit_of(running, deleted=False, asked=True) is None
    ended = pod(terminated(143, "Error"), phase="Failed", deleted_at=at)
    assert exit_of(ended, deleted=True, asked=True) == ExitInfo(143)
    killed = pod(terminated(137, "Error"), phase="Failed", deleted_at=at)
    assert exit_of(killed, deleted=True, asked=True) == ExitInfo(137, killed=True)
    # Its node never got to it, or went away with its last words.
    assert exit_of(pod(phase="Pending"), deleted=True, asked=True) == ExitInfo(0)
    assert exit_of(running, deleted=True, asked=True) == ExitInfo(1)
