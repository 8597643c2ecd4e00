"""Where instances run: processes of this machine, or containers of an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.layout import Algorithm
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import Instance
from dubhe_simulator.instances.local import LocalInstance


class InstanceBackend(Protocol):
    """A place that runs instances of one algorithm."""

    @property
    def name(self) -> str:
        """The algorithm's name, fit to be a part of an instance id."""

    @property
    def title(self) -> str:
        """What is played, in a sentence."""

    @property
    def place(self) -> str:
        """Where it runs, in a few words."""

    @property
    def protocol(self) -> str:
        """What its instances serve, ``http`` or ``tcp``."""

    @property
    def kinds(self) -> Sequence[TaskKind]:
        """The kinds of task it can run, in their order."""

    @property
    def models(self) -> Path:
        """Where models appear; the same path here and for the instances."""

    def end_orphans(self) -> None:
        """End what an earlier platform on the same folder, killed meanwhile, has left running."""

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


class LocalBackend:
    """This machine: an algorithm's folder, and processes without a container around them."""

    def __init__(self, algorithm: Algorithm, kinds: Sequence[TaskKind] = tuple(TaskKind)) -> None:
        self._algorithm = algorithm
        self.name = algorithm.name
        self.place = str(algorithm.folder)
        self.protocol = algorithm.protocol
        self.title = translate("title", folder=algorithm.folder, protocol=algorithm.protocol)
        self.kinds = kinds
        self.models = algorithm.models

    def end_orphans(self) -> None:
        """See `InstanceBackend.end_orphans`: the supervisor of each has seen to it."""

    def instance(
        self, kind: TaskKind, instance_id: str, folder: Path, environment: Mapping[str, str]
    ) -> LocalInstance:
        """See `InstanceBackend.instance`."""
        return LocalInstance(self._algorithm, kind, instance_id, folder, environment)
