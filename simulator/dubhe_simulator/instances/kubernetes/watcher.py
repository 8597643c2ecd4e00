"""`PodWatcher`: all pods of one platform, followed on one connection.

Problem: fifty instances that each ask for their state several times a second would be a load for
the API server; and a pod that was deleted is gone from it at once, with its exit status.

Mechanism: one list, then a watch that the API server keeps open and sends changes on. The last
state of a deleted pod is kept until its instance is forgotten. A watch that ends (the API server
does so every few minutes) or breaks is followed by another list.

A pod that nobody expects is one that the API server has made after all, although whoever wanted it
has waited for its answer in vain.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dubhe_simulator.instances.base import Condition
from dubhe_simulator.instances.engine_problem import EngineProblem
from dubhe_simulator.instances.kubernetes import status
from dubhe_simulator.instances.kubernetes.cluster import Cluster

LOG = logging.getLogger("dubhe_simulator")
PAUSE_S = 2.0  # before another attempt


@dataclass(frozen=True)
class Seen:
    """A pod as it was seen last, and whether it has been deleted since."""

    pod: dict[str, Any]
    deleted: bool = False


class PodWatcher:
    """Starts with `start`; its thread ends with the process.

    Args:
        cluster: where the pods are.
        selector: labels that they have.
        found: called with the name of each pod that nobody expects.
    """

    def __init__(
        self, cluster: Cluster, selector: str, found: Callable[[str], None] = lambda name: None
    ) -> None:
        self._cluster = cluster
        self._selector = selector
        self._found = found
        self._expected: set[str] = set()
        self._seen: dict[str, Seen] = {}
        self._changed = threading.Condition()
        self.problem: Condition | None = None
        """Why nobody knows how the pods are at present; None if that is known."""

    def start(self) -> list[dict[str, Any]]:
        """Begin; return the pods that there are, which are expected.

        Raises:
            EngineProblem: the API server refuses, or does not answer.
        """
        pods, version = self._cluster.pods(self._selector)
        with self._changed:
            self._seen = {pod["metadata"]["name"]: Seen(pod) for pod in pods}
            self._expected.update(self._seen)
        thread = threading.Thread(target=self._run, args=(version,), name="pods", daemon=True)
        thread.start()
        with self._changed:
            return [each.pod for each in self._seen.values()]

    def get(self, name: str) -> Seen | None:
        """Return a pod; None if there has never been one of this name."""
        with self._changed:
            return self._seen.get(name)

    def expect(self, name: str) -> None:
        """Know that a pod is about to be made."""
        with self._changed:
            self._expected.add(name)

    def enter(self, pod: dict[str, Any]) -> None:
        """Know a pod from now on that was just made."""
        with self._changed:
            self._seen.setdefault(pod["metadata"]["name"], Seen(pod))

    def forget(self, name: str) -> None:
        """Expect a pod no longer, and do not keep the last state of a deleted one."""
        with self._changed:
            self._expected.discard(name)
            self._seen.pop(name, None)

    def wait(self, name: str, condition: Callable[[Seen | None], bool], timeout: float) -> bool:
        """Wait until a condition holds for a pod; return whether it does."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self._seen.get(name)), timeout)

    def _run(self, version: str | None) -> None:
        while True:
            try:
                if version is None:
                    version = self._list()
                self.problem = None
                for kind, pod in self._cluster.changes(self._selector, version):
                    self._take(kind, pod)
            except EngineProblem as problem:
                if problem.condition != self.problem:  # once for each outage
                    self.problem = problem.condition
                    LOG.warning("%s", problem)
                time.sleep(PAUSE_S)
            version = None

    def _take(self, kind: str, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        with self._changed:
            expected = name in self._expected
            if expected:
                self._seen[name] = Seen(pod, kind == "DELETED")
                self._changed.notify_all()
        if not expected and kind == "ADDED":
            self._report(pod)

    def _list(self) -> str:
        with self._changed:
            before = dict(self._seen)
        pods, version = self._cluster.pods(self._selector)
        found = {pod["metadata"]["name"]: Seen(pod) for pod in pods}
        with self._changed:
            for name, seen in before.items():
                # One that was made meanwhile may be missing in the list: only those before count.
                if name in self._seen and name not in found:
                    self._seen[name] = Seen(seen.pod, deleted=True)
            expected = {name for name in found if name in self._expected}
            self._seen.update({name: found[name] for name in expected})
            self._changed.notify_all()
        for name in found.keys() - expected:
            self._report(found[name].pod)
        return version

    def _report(self, pod: dict[str, Any]) -> None:
        if not status.is_being_deleted(pod):
            self._found(pod["metadata"]["name"])
