"""Where instances run: processes of this machine, or containers of an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.layout import Algorithm
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import Instance
from dubhe_simulator.instances.local import LocalInstance


class InstanceBackend(ABC):
    """A place that runs instances of one algorithm.

    Args:
        name: the algorithm's name, fit to be a part of an instance id.
        title: what is played, in a sentence.
        place: where it runs, in a few words.
        protocol: what its instances serve, ``http`` or ``tcp``.
        kinds: the kinds of task to run, in their order.
        models: where models appear; the same path here and for the instances.
    """

    source: Path | None = None
    """The folder with the algorithm's files, if they can be read from here."""

    def __init__(
        self,
        name: str,
        title: str,
        place: str,
        protocol: str,
        kinds: Sequence[TaskKind],
        models: Path,
    ) -> None:
        self.name = name
        self.title = title
        self.place = place
        self.protocol = protocol
        self.kinds = kinds
        self.models = models

    def end_orphans(self) -> None:  # noqa: B027
        """End what an earlier platform on the same folder, killed meanwhile, has left running."""

    def adopt(self) -> Sequence[Instance]:
        """Return what an earlier platform on the same folder has left running, if it can go on.

        What cannot is ended.
        """
        self.end_orphans()
        return ()

    @abstractmethod
    def instance(
        self, kind: TaskKind, instance_id: str, folder: Path, environment: Mapping[str, str]
    ) -> Instance:
        """Return an instance that is not started yet.

        Args:
            kind: the kind of task.
            instance_id: its identity.
            folder: for what it leaves behind here.
            environment: further variables.
        """


class LocalBackend(InstanceBackend):
    """This machine: an algorithm's folder, and processes without a container around them."""

    def __init__(self, algorithm: Algorithm, kinds: Sequence[TaskKind] = tuple(TaskKind)) -> None:
        folder, protocol = str(algorithm.folder), algorithm.protocol
        title = translate("title", folder=folder, protocol=protocol)
        super().__init__(algorithm.name, title, folder, protocol, kinds, algorithm.models)
        self._algorithm = algorithm
        self.source = algorithm.folder

    def instance(
        self, kind: TaskKind, instance_id: str, folder: Path, environment: Mapping[str, str]
    ) -> LocalInstance:
        """See `InstanceBackend.instance`."""
        return LocalInstance(self._algorithm, kind, instance_id, folder, environment)
