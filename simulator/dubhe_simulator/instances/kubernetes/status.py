"""What a pod's status says: what it waits for, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dubhe_simulator.instances.base import Condition, ExitInfo

Pod = Mapping[str, Any]

CONTAINER = "algorithm"
EXIT_UNKNOWN = 1
EXIT_KILLED = 137
EXIT_STATUS_MAX = 255
# https://kubernetes.io/docs/concepts/containers/images: what the kubelet calls them.
_IMAGE_PULL = frozenset({"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"})
_IMAGE_ABSENT = "ErrImageNeverPull"
_IMAGE_NAME = "InvalidImageName"
_IN_PREPARATION = frozenset({"ContainerCreating", "PodInitializing"})


def address_of(pod: Pod) -> str | None:
    """Return the pod's address in the cluster; None as long as it has none."""
    return _status(pod).get("podIP") or None


def waits_for(pod: Pod) -> Condition | None:
    """Return what keeps a pod from running; None if nothing does."""
    status = _status(pod)
    if status.get("reason") == "NodeLost":
        return Condition("pod_node_lost", {"node": pod["spec"].get("nodeName", "")})
    waiting = _state(pod).get("waiting")
    if waiting is not None and waiting.get("reason") not in _IN_PREPARATION:
        return _waiting(pod, waiting.get("reason", ""), waiting.get("message", ""))
    if status.get("phase") != "Pending":
        return None
    for each in status.get("conditions") or ():
        if each["type"] == "PodScheduled" and each["status"] == "False":
            return Condition("pod_unschedulable", {"detail": each.get("message", "")})
    return Condition("pod_preparing", {})


def _waiting(pod: Pod, reason: str, detail: str) -> Condition:
    values = {"image": pod["spec"]["containers"][0]["image"], "detail": detail or reason}
    if reason == _IMAGE_ABSENT:
        return Condition("pod_image_absent", values)
    if reason == _IMAGE_NAME:
        return Condition("pod_image_name", values)
    if reason in _IMAGE_PULL:
        return Condition("pod_image_pull", values)
    return Condition("pod_not_started", {"reason": reason, "detail": detail})


def exit_of(pod: Pod, *, deleted: bool, asked: bool) -> ExitInfo | None:
    """Return how a pod ended, or None while it runs.

    Args:
        pod: as it was seen last.
        deleted: whether the API server has it no longer.
        asked: whether the platform itself has asked for its end.
    """
    phase = _status(pod).get("phase")
    if not deleted and phase not in ("Succeeded", "Failed"):
        return None
    ended = _state(pod).get("terminated")
    reason = _why(pod, ended, asked)
    if ended is None:
        never_ran = asked and phase == "Pending"
        return ExitInfo(0 if never_ran else EXIT_UNKNOWN, reason=reason)
    status = int(ended.get("exitCode", EXIT_UNKNOWN)) & EXIT_STATUS_MAX
    killed = asked and status == EXIT_KILLED and ended.get("reason") != "OOMKilled"
    return ExitInfo(status, killed, reason=reason)


def _why(pod: Pod, ended: Mapping[str, Any] | None, asked: bool) -> Condition | None:
    status = _status(pod)
    detail = status.get("message", "")
    if ended is not None and ended.get("reason") == "OOMKilled":
        resources = pod["spec"]["containers"][0].get("resources") or {}
        memory = (resources.get("limits") or {}).get("memory", "-")
        return Condition("out_of_memory", {"memory": memory})
    if ended is not None and ended.get("reason") in ("ContainerCannotRun", "StartError"):
        values = {"reason": ended["reason"], "detail": ended.get("message", "")}
        return Condition("pod_not_started", values)
    if status.get("reason") == "Evicted":
        return Condition("pod_evicted", {"detail": detail})
    for each in status.get("conditions") or ():
        if each["type"] == "DisruptionTarget" and each["status"] == "True":
            values = {"reason": each.get("reason", ""), "detail": each.get("message", "")}
            return Condition("pod_disrupted", values)
    if status.get("reason"):
        return Condition("pod_disrupted", {"reason": status["reason"], "detail": detail})
    if is_being_deleted(pod) and not asked:
        return Condition("pod_deleted", {})
    return None


def is_being_deleted(pod: Pod) -> bool:
    """Return whether somebody has asked the API server for the pod's end."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def _status(pod: Pod) -> Mapping[str, Any]:
    found: Mapping[str, Any] = pod.get("status") or {}
    return found


def _state(pod: Pod) -> Mapping[str, Any]:
    """Return the state of the algorithm's container: waiting, running or terminated."""
    for each in _status(pod).get("containerStatuses") or ():
        if each["name"] == CONTAINER:
            found: Mapping[str, Any] = each.get("state") or {}
            return found
    return {}


def has_run(pod: Pod) -> bool:
    """Return whether its container has started at least once: there is output to read."""
    state = _state(pod)
    return "running" in state or "terminated" in state
