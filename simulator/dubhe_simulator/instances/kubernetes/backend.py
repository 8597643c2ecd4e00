"""A Kubernetes cluster as a place that runs instances, each in a pod of an algorithm's image."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.errors import EngineError
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.backend import InstanceBackend
from dubhe_simulator.instances.engine_problem import until_answered
from dubhe_simulator.instances.kubernetes import spec
from dubhe_simulator.instances.kubernetes.cluster import Cluster
from dubhe_simulator.instances.kubernetes.instance import (
    KUBELET_S,
    KubernetesInstance,
    spooled_before,
)
from dubhe_simulator.instances.kubernetes.spec import Notes, PodOptions
from dubhe_simulator.instances.kubernetes.watcher import PodWatcher

LABEL_FILE = "kubernetes-label"
POLL_INTERVAL_S = 0.2


class KubernetesBackend(InstanceBackend):
    """An `InstanceBackend`: a namespace of a cluster.

    Args:
        cluster: where pods are made.
        options: how to make them.

    Raises:
        EngineError: the cluster does not answer, pods may not be listed, or a folder that all
            of them need is in no volume.
    """

    def __init__(self, cluster: Cluster, options: PodOptions) -> None:
        self._cluster = cluster
        self._options = options
        self._instances: list[KubernetesInstance] = []
        self._platform = _label(options.runs)
        self._selector = f"{spec.PLATFORM_LABEL}={self._platform}"
        self._watcher = PodWatcher(cluster, self._selector, self._found)
        options.output.mkdir(parents=True, exist_ok=True)
        _open_to_pods(options.output)
        # What would fail with every pod is told at once.
        spec.manifest(options, TaskKind.TRAIN, Notes("", str(options.runs)), {}, self._platform)
        cluster.pods(self._selector)
        title = translate(
            "title_pods",
            algorithm=options.name,
            image=options.image,
            protocol=options.protocol,
            namespace=cluster.namespace,
        )
        place = f"{options.image} · {cluster.name or 'kubernetes'}/{cluster.namespace}"
        models = options.output / "models"
        super().__init__(options.name, title, place, options.protocol, options.kinds, models)

    def end_orphans(self) -> None:
        """See `InstanceBackend.end_orphans`."""
        pods = self._watcher.start()
        if not pods:
            return
        for pod in pods:
            self._cluster.delete(pod["metadata"]["name"])
        longest = max(pod["spec"]["terminationGracePeriodSeconds"] for pod in pods)
        deadline = time.monotonic() + longest + KUBELET_S
        while self._cluster.pods(self._selector)[0] and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL_S)

    def adopt(self) -> Sequence[KubernetesInstance]:
        """See `InstanceBackend.adopt`."""
        for pod in self._watcher.start():
            try:
                notes = Notes.of(pod)
                kind = TaskKind(pod["metadata"]["labels"][spec.KIND_LABEL])
            except (KeyError, ValueError):  # somebody has edited it: it belongs to nobody
                self._cluster.delete(pod["metadata"]["name"])
                continue
            self._instances.append(self._instance(kind, notes, pod, adopted=True))
        return tuple(self._instances)

    def instance(
        self, kind: TaskKind, instance_id: str, folder: Path, environment: Mapping[str, str]
    ) -> KubernetesInstance:
        """See `InstanceBackend.instance`.

        Raises:
            EngineError: a folder is in no volume.
        """
        spool = self._free_spool(kind) if self._options.brokers else ""
        folder.mkdir(parents=True, exist_ok=True)
        _open_to_pods(folder)
        notes = Notes(instance_id, str(folder), spool, spooled_before(spool))
        pod = spec.manifest(self._options, kind, notes, environment, self._platform)
        found = self._instance(kind, notes, pod)
        self._instances.append(found)
        return found

    def _found(self, name: str) -> None:
        """Remove a pod that is nobody's: the API server has made it after all.

        Whoever wanted it was told that the API server does not answer.
        """
        until_answered(lambda: self._cluster.delete(name))

    def _instance(
        self, kind: TaskKind, notes: Notes, pod: dict[str, object], *, adopted: bool = False
    ) -> KubernetesInstance:
        protocol = self._options.protocol
        return KubernetesInstance(
            self._cluster, self._watcher, kind, notes, pod, protocol, adopted=adopted
        )

    def _free_spool(self, kind: TaskKind) -> str:
        """Return a spool that no instance uses; what a former one has left in it is delivered."""
        self._instances = [each for each in self._instances if not each.over]
        used = {each.notes.spool for each in self._instances}
        spools = (str(self._options.runs / "spools" / f"{kind.value}-{n}") for n in count(1))
        spool = next(one for one in spools if one not in used)
        Path(spool).mkdir(parents=True, exist_ok=True)
        _open_to_pods(Path(spool))
        return spool


def _label(runs: Path) -> str:
    """Return what marks the pods of the platform on this folder; drawn once.

    Raises:
        EngineError: the folder cannot be written.
    """
    file = runs / LABEL_FILE
    try:
        runs.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text(secrets.token_hex(8), "utf-8")
        return file.read_text("utf-8").strip()
    except OSError as error:
        raise EngineError(str(error)) from error


def _open_to_pods(folder: Path) -> None:
    """Let a pod of any user write to a folder of root's: see `spec.manifest`."""
    if folder.stat().st_uid == 0:
        folder.chmod(0o1777)
