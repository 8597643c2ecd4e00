"""The hosts that a platform was told of, as a place that runs instances."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dubhe_sdk.kind import TaskKind
from dubhe_simulator.hosts.remote import Address, RemoteInstance, name, wait_for_host
from dubhe_simulator.running import Running
from dubhe_simulator.words import say


class Hosts:
    """A `Site`: one host for each kind of task. It waits until all of them answer.

    Args:
        addresses: where the hosts listen.
        algorithm: its name, as a part of instance ids.
        models: where models appear; the same path here and on all hosts.
        timeout: seconds for the hosts to answer.

    Raises:
        CannotPlay: a host does not answer.
    """

    keeps_logs = False

    def __init__(
        self, addresses: Mapping[TaskKind, Address], algorithm: str, models: Path, timeout: float
    ) -> None:
        self._addresses = addresses
        self.name = algorithm
        self.models = models
        self.kinds = tuple(kind for kind in TaskKind if kind in addresses)
        protocols = {wait_for_host(addresses[kind], timeout) for kind in self.kinds}
        self.title = say(
            "title_hosts",
            algorithm=algorithm,
            hosts=", ".join(name(addresses[kind]) for kind in self.kinds),
            protocol=", ".join(sorted(protocols)),
        )

    def instance(
        self, kind: TaskKind, instance_id: str, folder: Path, environment: Mapping[str, str]
    ) -> Running:
        """See `Site.instance`; what the instance leaves behind stays on its host."""
        return RemoteInstance(self._addresses[kind], kind, instance_id, environment)
