"""What the engine says about a container: how it ended, and why it refuses one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import Condition, ExitInfo
from dubhe_simulator.instances.docker.spec import ContainerSpec

EXIT_UNKNOWN = 1
REMOVED = ExitInfo(EXIT_UNKNOWN, reason=Condition("container_removed"))
_MIB = 1024 * 1024
_ENDED = frozenset({"exited", "dead"})


def exit_of(found: Mapping[str, Any], *, killed: bool) -> ExitInfo | None:
    """Return how a container ended; None if it has not.

    Args:
        found: the container, as the engine describes it.
        killed: whether the platform has killed it.
    """
    state = found["State"]
    if state["Status"] not in _ENDED:
        return None
    status = int(state["ExitCode"])
    return ExitInfo(status, killed, reason=_why(found, status))


def _why(found: Mapping[str, Any], status: int) -> Condition | None:
    state = found["State"]
    # It is set as well where the container has survived what was killed in it.
    if state.get("OOMKilled") and status != 0:
        memory = found["HostConfig"].get("Memory") or 0
        return Condition("out_of_memory", {"memory": f"{memory // _MIB} MiB" if memory else "-"})
    if state.get("Error"):
        return Condition("container_error", {"detail": state["Error"]})
    return None


def refusal(error: BaseException, spec: ContainerSpec) -> str:
    """Return in words why the engine does not start a container."""
    text = str(getattr(error, "explanation", None) or error)
    if "port is already allocated" in text or "address already in use" in text:
        return translate("run_port_taken", port=spec.port)
    if "could not select device driver" in text or "nvidia-container" in text:
        return translate("run_no_gpu", error=text)
    if "is already in use by container" in text:
        return translate("run_name_taken", name=spec.name)
    return text
