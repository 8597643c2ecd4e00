"""One running instance of an algorithm, in a pod of its own."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import DEFAULT_PORT
from dubhe_simulator import interrupts
from dubhe_simulator.instances.base import Condition, ExitInfo, Instance, wait_for_exit
from dubhe_simulator.instances.console_file import ConsoleFile
from dubhe_simulator.instances.engine_problem import EngineProblem, EngineSilent, until_answered
from dubhe_simulator.instances.kubernetes import status
from dubhe_simulator.instances.kubernetes.cluster import Cluster
from dubhe_simulator.instances.kubernetes.provenance import pod_provenance
from dubhe_simulator.instances.kubernetes.spec import Notes
from dubhe_simulator.instances.kubernetes.watcher import PodWatcher, Seen
from dubhe_simulator.instances.provenance.record import Provenance
from dubhe_simulator.instances.spool_status import reported_count

LOG = logging.getLogger("dubhe_simulator")
# Beyond the grace: the kubelet notices late, and removes mounts and network before the pod is gone.
KUBELET_S = 30.0
LAST_LINES_S = 5.0
FOLLOW_POLL_S = 5.0


class KubernetesInstance(Instance):
    """An instance. Use it as a context manager: leaving it ends the instance.

    Args:
        cluster: where the pod is made.
        watcher: follows it.
        kind: of task.
        notes: its id and folders.
        pod: its manifest; or the pod itself, if it is there already.
        protocol: what it serves.
        adopted: whether it is there already.
    """

    engine = "kubernetes"

    def __init__(
        self,
        cluster: Cluster,
        watcher: PodWatcher,
        kind: TaskKind,
        notes: Notes,
        pod: dict[str, Any],
        protocol: str,
        *,
        adopted: bool = False,
    ) -> None:
        super().__init__(kind, notes.instance_id, Path(notes.folder))
        self.protocol = protocol
        self.notes = notes
        self.over = False
        self._cluster = cluster
        self._watcher = watcher
        self._pod = pod
        self._name: str = pod["metadata"]["name"]
        self._grace = float(pod["spec"]["terminationGracePeriodSeconds"])
        self._made = adopted
        self._asked = self._killed = False
        self._asked_at: float | None = None  # when the API server took it
        self._problem: Condition | None = None
        self._exit_info: ExitInfo | None = None
        self._following: threading.Thread | None = None
        if adopted:
            self._follow()

    def start(self) -> None:
        """See `Instance.start`: a quota is exhausted, a right is missing."""
        self._make_folders()
        with interrupts.deferred():  # or nobody would hold on to the pod
            self._watcher.expect(self._name)
            try:
                made = self._cluster.create(self._pod)
            except EngineProblem as problem:
                self._watcher.forget(self._name)
                if isinstance(problem, EngineSilent):  # it may have been made nevertheless
                    until_answered(self._delete)
                else:
                    self.over = True
                raise
            self._watcher.enter(made)
            self._made = True
            self._follow()

    @property
    def address(self) -> tuple[str, int] | None:
        """See `Instance.address`: the pod's, once a node has it."""
        seen = self._seen
        host = status.address_of(seen.pod) if seen is not None else None
        return (host, DEFAULT_PORT) if host is not None else None

    @property
    def condition(self) -> Condition | None:
        """See `Instance.condition`."""
        if (problem := self._problem or self._watcher.problem) is not None:
            return problem
        seen = self._seen
        return status.waits_for(seen.pod) if seen is not None and not seen.deleted else None

    def provenance(self) -> Provenance | None:
        """See `Instance.provenance`."""
        seen = self._seen
        return pod_provenance(seen.pod) if seen is not None else None

    def ended(self) -> ExitInfo | None:
        """See `Instance.ended`."""
        seen = self._seen
        if self._exit_info is None and seen is not None:
            asked = self._asked
            self._exit_info = status.exit_of(seen.pod, deleted=seen.deleted, asked=asked)
        return self._exit_info

    def stop(self) -> ExitInfo:
        """See `Instance.stop`. A second signal to this process ends the grace."""
        if not self._made:
            return self._exit_info or ExitInfo(0)
        with interrupts.deferred():
            seen = self._seen
            # What somebody else has deleted before ends for that reason.
            self._asked |= seen is None or not status.is_being_deleted(seen.pod)
            if self._asked_at is None and self.ended() is None:
                self._ask()
                self._asked_at = time.monotonic()
            patience = self._grace + KUBELET_S
            return wait_for_exit(self.ended, self._kill, (patience, patience, 0.0), self._asked_at)

    def close(self) -> None:
        """See `Instance.close`: the pod."""
        with interrupts.deferred():
            if self._made and self._exit_info is None:
                self._exit_info = self.stop()
            if self._following is not None:
                self._following.join(LAST_LINES_S)
            made, self._made = self._made, False
            self._watcher.forget(self._name)
            if not made:
                return
            try:
                self._delete()
            except EngineProblem as problem:
                LOG.warning("%s: %s", self.id, problem)
                until_answered(self._delete)

    def _ask(self, grace: float | None = None) -> None:
        """Ask for its end: see `Cluster.delete`."""
        try:
            self._cluster.delete(self._name, grace)
        except EngineProblem as problem:
            self._problem = problem.condition
            raise
        self._problem = None

    def _delete(self) -> None:
        """Remove its pod, if there is one."""
        self._cluster.delete(self._name)
        self.over = True

    def reported_count(self) -> int | None:
        """See `Instance.reported_count`."""
        found = super().reported_count()
        return None if found is None else found - self.notes.reported_before

    @property
    def _seen(self) -> Seen | None:
        return self._watcher.get(self._name)

    def _make_folders(self) -> None:
        """Make the folders that the pod writes to."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.notes.spool:
            # Relative, so that it leads there from wherever the folder is mounted.
            spool = os.path.relpath(self.notes.spool, self.folder)
            (self.folder / "spool").symlink_to(spool)

    def _kill(self) -> None:
        if not self._killed:
            self._ask(grace=0)
            self._killed = True

    def _follow(self) -> None:
        self._following = threading.Thread(target=self._copy, name="console", daemon=True)
        self._following.start()

    def _copy(self) -> None:
        """Copy its output to the console file until it has ended."""
        while not self._watcher.wait(self._name, _has_output, FOLLOW_POLL_S):
            if self._exit_info is not None or self.over:
                return
        try:
            with ConsoleFile(self.console) as file:
                self._copy_to(file)
        except OSError as error:
            LOG.warning("%s: %s", self.id, error)

    def _copy_to(self, file: ConsoleFile) -> None:
        seen = self._seen
        while seen is not None and not seen.deleted:
            complete = _is_over(seen)
            try:
                lines = self._cluster.output(self._name, status.CONTAINER)
                for _ in file.copy(f"{line}\n".encode() for line in lines):
                    pass
            except EngineProblem as error:
                if self._watcher.wait(self._name, _is_gone, FOLLOW_POLL_S):
                    return  # with its last lines
                LOG.warning("%s: %s", self.id, error)
            if file.repeats:
                continue
            if complete or self.over:
                return
            # Its end, or a connection that has broken: then once more.
            self._watcher.wait(self._name, _is_over, FOLLOW_POLL_S)
            seen = self._seen


def spooled_before(spool: str) -> int:
    """Return how many messages former instances have put into a spool."""
    return (reported_count(Path(spool)) or 0) if spool else 0


def _has_output(seen: Seen | None) -> bool:
    return seen is not None and (seen.deleted or status.has_run(seen.pod))


def _is_gone(seen: Seen | None) -> bool:
    return seen is None or seen.deleted


def _is_over(seen: Seen | None) -> bool:
    return seen is None or status.exit_of(seen.pod, deleted=seen.deleted, asked=True) is not None
