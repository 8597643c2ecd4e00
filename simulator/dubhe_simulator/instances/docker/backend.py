"""A Docker engine as a place that runs instances, each in a container of an algorithm's image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.backend import InstanceBackend
from dubhe_simulator.instances.docker import notes
from dubhe_simulator.instances.docker.answers import answers
from dubhe_simulator.instances.docker.engine import connect
from dubhe_simulator.instances.docker.image import find_image, protocol_in, workdir_of
from dubhe_simulator.instances.docker.instance import DockerInstance
from dubhe_simulator.instances.docker.spec import ContainerSpec, default_user, network_for
from dubhe_simulator.instances.docker.surroundings import surroundings
from dubhe_simulator.instances.docker.watcher import ContainerWatcher
from dubhe_simulator.instances.engine_problem import until_answered
from dubhe_simulator.instances.grace import grace_of
from dubhe_simulator.instances.local import free_port
from dubhe_simulator.instances.spool_status import reported_count

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

PLATFORM_LABEL = "dubhe.platform"
CONTROL_TIMEOUT_S = 10  # for what the engine does at once


@dataclass(frozen=True)
class DockerOptions:
    """What the containers of an algorithm have in common.

    Attributes:
        image: its image.
        folder: from which that is to be built, if it is known.
        name: the algorithm's name, as a part of instance ids.
        runs: the platform's folder; it marks the containers of this platform.
        output: what is ``output`` in the algorithm's folder; models appear in its ``models``.
        data: folder of data, mounted read-only at the same path; None for none.
        kinds: the kinds of task to run, in their order.
        brokers: that the containers are to reach; None for the embedded journal.
        gpus: for each container: how many, -1 for all, None for none.
        memory: a limit for each, such as ``2g``.
        environment: further variables.
    """

    image: str
    folder: Path | None
    name: str
    runs: Path
    output: Path
    data: Path | None = None
    kinds: Sequence[TaskKind] = tuple(TaskKind)
    brokers: str | None = None
    gpus: int | None = None
    memory: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class DockerBackend(InstanceBackend):
    """An `InstanceBackend`: an engine that sees this machine's folders.

    Args:
        client: the engine's.
        options: how to start containers.

    Raises:
        EngineError: there is no such image, or a container could not reach the brokers.
    """

    def __init__(self, client: DockerClient, options: DockerOptions) -> None:
        self._client = client
        self._control = connect(CONTROL_TIMEOUT_S)
        self._options = options
        self._surroundings = surroundings(client)
        info = client.info()
        self._user = default_user(info)
        self._network = self._surroundings.network or network_for(options.brokers, None, info)
        self._instances: list[DockerInstance] = []
        self._mark = self._surroundings.on_host(options.runs)
        self._watcher = ContainerWatcher(client, f"{PLATFORM_LABEL}={self._mark}", self._found)
        workdir = workdir_of(find_image(client, options.image, options.folder))
        # An image can be looked into by a container of it alone.
        container = client.containers.create(options.image)
        try:
            protocol = protocol_in(container, workdir)
        finally:
            container.remove(force=True, v=True)
        name, image, models = options.name, options.image, options.output / "models"
        title = translate("title_image", algorithm=name, image=image, protocol=protocol)
        super().__init__(name, title, image, protocol, options.kinds, models)

    def end_orphans(self) -> None:
        """See `InstanceBackend.end_orphans`."""
        for container in self._marked():
            _end(container)

    def adopt(self) -> Sequence[DockerInstance]:
        """See `InstanceBackend.adopt`."""
        for container in self._marked():
            spec = notes.spec_of(container.attrs)
            # Not of this version, or created by a platform that was killed before it started it.
            if spec is None or container.status == "created":
                _end(container)
                continue
            found = self._instance(spec)
            found.adopt(container)
        self._watcher.start()  # not before: it takes what is not ours yet for nobody's
        return tuple(self._instances)

    def instance(
        self, kind: TaskKind, instance_id: str, folder: Path, environment: Mapping[str, str]
    ) -> DockerInstance:
        """See `InstanceBackend.instance`."""
        options, model = self._options, environment.get("model_path")
        spool = self._free_spool(kind) if options.brokers else None
        spec = ContainerSpec(
            options.image,
            kind,
            instance_id,
            folder,
            name=f"dubhe-{instance_id}",
            user=self._user,
            data=options.data,
            model=Path(model) if model is not None else None,
            port=free_port() if self._network == "host" else None,
            network=self._network,
            gpus=options.gpus,
            memory=options.memory,
            environment={**options.environment, **environment},
            temporary=folder,
            spool=spool,
            reported_before=(reported_count(spool) or 0) if spool is not None else 0,
            output=options.output,
            published=self._surroundings.container is None,
            labels={PLATFORM_LABEL: self._mark, **self._surroundings.labels},
            on_host=self._surroundings.on_host,
        )
        self._watcher.start()
        return self._instance(spec)

    def _found(self, name: str) -> None:
        """Remove a container that is nobody's: the engine has created it after all.

        Whoever wanted it was told that the engine does not answer.
        """
        if all(each.over or each.spec.name != name for each in self._instances):
            until_answered(lambda: self._remove(name))

    def _remove(self, name: str) -> None:
        from docker.errors import NotFound

        with suppress(NotFound), answers():
            self._client.api.remove_container(name, force=True, v=True)

    def _instance(self, spec: ContainerSpec) -> DockerInstance:
        found = DockerInstance(self._client, spec, watcher=self._watcher, control=self._control)
        self._instances.append(found)
        return found

    def _marked(self) -> list[Container]:
        """Return the containers of this platform, whatever state they are in."""
        mark = f"{PLATFORM_LABEL}={self._mark}"
        found: list[Container] = self._client.containers.list(
            all=True, filters={"label": mark}, ignore_removed=True
        )
        return found

    def _free_spool(self, kind: TaskKind) -> Path:
        """Return a spool that no instance uses; what a former one has left in it is delivered.

        To Kafka, which is the same for all; each instance has an embedded journal of its own.
        """
        self._instances = [each for each in self._instances if not each.over]
        used = {each.spec.spool for each in self._instances}
        spools = (self._options.runs / "spools" / f"{kind.value}-{n}" for n in count(1))
        return next(spool for spool in spools if spool not in used)


def _end(container: Container) -> None:
    from docker.errors import NotFound

    words = container.attrs["Config"]["Env"] or ()
    grace = grace_of(dict(word.partition("=")[::2] for word in words))
    with suppress(NotFound):  # somebody removes it meanwhile
        container.stop(timeout=round(grace))
        container.remove(force=True, v=True)
