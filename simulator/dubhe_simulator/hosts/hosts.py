"""The hosts that a platform was told of, as a place that runs instances."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.hosts.remote import HostAddress, RemoteInstance, name, wait_for_host
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import Instance


class HostBackend:
    """A `InstanceBackend`: one host for each kind of task. It waits until all of them answer.

    Args:
        addresses: where the hosts listen.
        algorithm: its name, as a part of instance ids.
        models: where models appear; the same path here and on all hosts.
        timeout: seconds for the hosts to answer.
        folders: in which each host's ``/temporary`` can be read, by the name of the host.

    Raises:
        CannotStart: a host does not answer.
    """

    keeps_logs = False
    one_each = True

    def __init__(
        self,
        addresses: Mapping[TaskKind, HostAddress],
        algorithm: str,
        models: Path,
        timeout: float,
        folders: Path | None = None,
    ) -> None:
        self._addresses = addresses
        self._folders = folders
        self.name = algorithm
        self.models = models
        self.kinds = tuple(kind for kind in TaskKind if kind in addresses)
        protocols = {wait_for_host(addresses[kind], timeout) for kind in self.kinds}
        self.protocol = ", ".join(sorted(protocols))
        self.place = ", ".join(name(addresses[kind]) for kind in self.kinds)
        self.title = translate(
            "title_hosts", algorithm=algorithm, hosts=self.place, protocol=self.protocol
        )

    def instance(
        self, kind: TaskKind, instance_id: str, folder: Path, environment: Mapping[str, str]
    ) -> Instance:
        """See `InstanceBackend.instance`; what the instance leaves behind stays on its host."""
        host = self._addresses[kind]
        # As the host lays it out: see `instance_folder` there.
        left = self._folders / host[0] / instance_id if self._folders is not None else None
        return RemoteInstance(host, kind, instance_id, environment, left)
