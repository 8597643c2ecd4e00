"""With what a pod runs, as the API server describes it. Nothing is asked in the pod."""

from __future__ import annotations

import shlex
from typing import Any

from dubhe_simulator.instances.kubernetes.status import CONTAINER, Pod
from dubhe_simulator.instances.provenance.environment import relevant
from dubhe_simulator.instances.provenance.record import ContainerImage, Host, Provenance


def pod_provenance(pod: Pod) -> Provenance:
    """Return with what a pod runs; of its node only the name, since more needs further rights.

    Args:
        pod: as the API server describes it.
    """
    spec = next(each for each in pod["spec"]["containers"] if each["name"] == CONTAINER)
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    found: dict[str, Any] = next((each for each in statuses if each["name"] == CONTAINER), {})
    # Values alone: one that comes from a Secret has none here.
    environment = {each["name"]: each["value"] for each in spec.get("env") or () if "value" in each}
    command = [*(spec.get("command") or ()), *(spec.get("args") or ())]
    digest = found.get("imageID", "").rpartition("://")[2]
    return Provenance(
        shlex.join(command),
        spec.get("workingDir", ""),
        Host(pod["spec"].get("nodeName", ""), "", 0, 0),
        # Those alone whose meaning is known: what else somebody gave it may be private.
        relevant(environment, environment),
        image=ContainerImage(spec["image"], "", digest),
    )
