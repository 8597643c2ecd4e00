"""With what a pod is made: environment, mounts, limits, rights; and what is noted on it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import DEFAULT_PORT
from dubhe_simulator.errors import EngineError
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.grace import grace_of
from dubhe_simulator.instances.kubernetes.status import CONTAINER
from dubhe_simulator.instances.kubernetes.volumes import Mounts, Volume

TEMPORARY = "/temporary"
SPOOL = "/spool"
NOBODY = 65534  # the user of pods whose platform is root's
PLATFORM_LABEL = "dubhe.platform"
KIND_LABEL = "dubhe.kind"
_NAME_MOST = 63
_DOCKER_SIZE = re.compile(r"(\d+)([kmg])b?")


@dataclass(frozen=True)
class PodOptions:
    """What the pods of an algorithm have in common.

    Attributes:
        image: the algorithm's.
        name: the algorithm's name, as a part of instance ids.
        protocol: what it serves, ``http`` or ``tcp``.
        runs: the platform's folder.
        output: what is ``output`` in the algorithm's folder; models appear in its ``models``.
        volumes: the folders that pods see too.
        workdir: the algorithm's folder in the image.
        data: folder of data, mounted read-only at the same path; None for none.
        kinds: the kinds of task to run, in their order.
        brokers: that the pods are to reach; None for the embedded journal.
        gpus: for each pod: how many; None for none.
        memory: a limit for each, such as ``2Gi``.
        environment: further variables.
    """

    image: str
    name: str
    protocol: str
    runs: Path
    output: Path
    volumes: Sequence[Volume]
    workdir: str = "/app"
    data: Path | None = None
    kinds: Sequence[TaskKind] = tuple(TaskKind)
    brokers: str | None = None
    gpus: int | None = None
    memory: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Notes:
    """What a later session of the platform has to know of a pod to take it over: annotations.

    Attributes:
        instance_id: its identity.
        folder: what is ``/temporary``, as the platform sees it.
        spool: the same of the spool, if that outlives the instance; empty if not.
        reported_before: how many messages former instances have put into that spool.
    """

    instance_id: str
    folder: str
    spool: str = ""
    reported_before: int = 0

    def annotations(self) -> dict[str, str]:
        """Return them as a pod has them."""
        return {f"dubhe.{name.replace('_', '-')}": str(vars(self)[name]) for name in vars(self)}

    @classmethod
    def of(cls, pod: Mapping[str, Any]) -> Notes:
        """Read them from a pod.

        Raises:
            KeyError: somebody has removed them.
        """
        found = pod["metadata"]["annotations"]
        return cls(
            found["dubhe.instance-id"],
            found["dubhe.folder"],
            found["dubhe.spool"],
            int(found["dubhe.reported-before"]),
        )


def manifest(
    options: PodOptions,
    kind: TaskKind,
    notes: Notes,
    environment: Mapping[str, str],
    platform: str,
) -> dict[str, Any]:
    """Return a pod.

    Args:
        options: what the algorithm's pods have in common.
        kind: of task.
        notes: what is kept about it; with the folders.
        environment: further variables of this one.
        platform: names the platform that it belongs to.

    Raises:
        EngineError: a folder is in no volume.
    """
    mounts = Mounts(options.volumes)
    mounts.add(Path(notes.folder), TEMPORARY)
    mounts.add(options.output, f"{options.workdir.rstrip('/')}/output")
    variables = {
        **options.environment,
        **environment,
        "INSTANCE_ID": notes.instance_id,
        "PORT": str(DEFAULT_PORT),
        "DUBHE_TEMPORARY": TEMPORARY,
    }
    if notes.spool:
        mounts.add(Path(notes.spool), SPOOL)
        variables["DUBHE_SPOOL_DIR"] = SPOOL
    if options.data is not None:
        mounts.add(options.data, str(options.data), read_only=True)
    if model := environment.get("model_path"):
        mounts.add(Path(model), model, read_only=True)
    container = {
        "name": CONTAINER,
        "image": options.image,
        "env": [{"name": name, "value": value} for name, value in variables.items()],
        "ports": [{"containerPort": DEFAULT_PORT}],
        "resources": {"limits": _limits(options)},
        # Data loaders exchange batches there; Kubernetes gives 64 MB otherwise.
        "volumeMounts": [*mounts.mounts, {"name": "shm", "mountPath": "/dev/shm"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod_name(notes.instance_id),
            "labels": {
                "app.kubernetes.io/managed-by": "dubhe-simulator",
                PLATFORM_LABEL: platform,
                KIND_LABEL: kind.value,
            },
            "annotations": notes.annotations(),
        },
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": round(grace_of(variables)),
            # A Service called dubhe-metrics would set DUBHE_METRICS_PORT.
            "enableServiceLinks": False,
            "automountServiceAccountToken": False,
            "securityContext": _rights(),
            "containers": [container],
            "volumes": [*mounts.volumes, {"name": "shm", "emptyDir": {"medium": "Memory"}}],
        },
    }


def pod_name(instance_id: str) -> str:
    """Return an instance's id as Kubernetes takes it for a name.

    Example:
        >>> pod_name("digits-local-train-20261129180000")
        'dubhe-digits-local-train-20261129180000'
    """
    name = f"dubhe-{instance_id}"
    fit = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")
    if fit == name and len(name) <= _NAME_MOST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{fit[: _NAME_MOST - 9].strip('-')}-{digest}"


def quantity(size: str) -> str:
    """Return a size as Kubernetes has it; Docker's ``2g`` is 2 GiB, there as here.

    Example:
        >>> quantity("512m"), quantity("2Gi")
        ('512Mi', '2Gi')
    """
    found = _DOCKER_SIZE.fullmatch(size.strip())
    return f"{found[1]}{found[2].upper()}i" if found else size.strip()


def _limits(options: PodOptions) -> dict[str, str]:
    limits = {}
    if options.memory:
        limits["memory"] = quantity(options.memory)
    if options.gpus is not None:
        if options.gpus < 0:
            raise EngineError(translate("pod_gpus"))
        limits["nvidia.com/gpu"] = str(options.gpus)
    return limits


def _rights() -> dict[str, Any]:
    """Return the rights of a pod: with its container's, what the level `restricted` demands.

    https://kubernetes.io/docs/concepts/security/pod-security-standards
    """
    # The user of who runs the platform, who then owns the files; root's have writable folders.
    user, group = (os.getuid(), os.getgid()) if os.getuid() != 0 else (NOBODY, NOBODY)
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": group,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
