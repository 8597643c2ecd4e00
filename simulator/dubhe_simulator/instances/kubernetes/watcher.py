"""`PodWatcher`: all pods of one platform, followed on one connection.

Problem: fifty instances that each ask for their state several times a second would be a load for
the API server; and a pod that was deleted is gone from it at once, with its exit status.

Mechanism: one list, then a watch that the API server keeps open and sends changes on. The last
state of a deleted pod is kept until its instance is forgotten. A watch that ends (the API server
does so every few minutes) or breaks is followed by another list.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dubhe_simulator.errors import EngineError
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
    """

    def __init__(self, cluster: Cluster, selector: str) -> None:
        self._cluster = cluster
        self._selector = selector
        self._seen: dict[str, Seen] = {}
        self._changed = threading.Condition()
        self._told = ""

    def start(self) -> list[dict[str, Any]]:
        """Begin; return the pods that there are.

        Raises:
            EngineError: the API server refuses, or does not answer.
        """
        version = self._list()
        thread = threading.Thread(target=self._run, args=(version,), name="pods", daemon=True)
        thread.start()
        with self._changed:
            return [each.pod for each in self._seen.values()]

    def get(self, name: str) -> Seen | None:
        """Return a pod; None if there has never been one of this name."""
        with self._changed:
            return self._seen.get(name)

    def enter(self, pod: dict[str, Any]) -> None:
        """Know a pod from now on that was just made."""
        with self._changed:
            self._seen.setdefault(pod["metadata"]["name"], Seen(pod))

    def forget(self, name: str) -> None:
        """Keep the last state of a deleted pod no longer."""
        with self._changed:
            self._seen.pop(name, None)

    def wait(self, name: str, condition: Callable[[Seen | None], bool], timeout: float) -> bool:
        """Wait until a condition holds for a pod; return whether it does."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self._seen.get(name)), timeout)

    def _run(self, version: str) -> None:
        while True:
            try:
                for kind, pod in self._cluster.changes(self._selector, version):
                    self._take(kind, pod)
                version = self._list()
                self._told = ""
            except EngineError as error:
                if str(error) != self._told:  # once for each outage
                    self._told = str(error)
                    LOG.warning("%s", error)
                time.sleep(PAUSE_S)

    def _take(self, kind: str, pod: dict[str, Any]) -> None:
        name = pod["metadata"]["name"]
        with self._changed:
            if kind != "ADDED" and name not in self._seen:
                return  # forgotten already
            self._seen[name] = Seen(pod, kind == "DELETED")
            self._changed.notify_all()

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
            self._seen.update(found)
            self._changed.notify_all()
        return version
