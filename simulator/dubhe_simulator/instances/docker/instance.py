"""One running instance of an algorithm, in a container of its own."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any

from dubhe_simulator import interrupts
from dubhe_simulator.algorithm.layout import DEFAULT_PROTOCOL
from dubhe_simulator.errors import EngineError
from dubhe_simulator.instances.base import Condition, ExitInfo, Instance, wait_for_exit
from dubhe_simulator.instances.docker import status
from dubhe_simulator.instances.docker.answers import answers
from dubhe_simulator.instances.docker.console import AGAIN_S, copy_output
from dubhe_simulator.instances.docker.image import (
    DEFAULT_WORKDIR,
    find_image,
    protocol_in,
    workdir_of,
)
from dubhe_simulator.instances.docker.provenance import container_provenance
from dubhe_simulator.instances.docker.spec import INSTANCE_LABEL, RUN_LABEL, ContainerSpec
from dubhe_simulator.instances.docker.watcher import ContainerWatcher
from dubhe_simulator.instances.engine_problem import EngineProblem, EngineSilent, until_answered
from dubhe_simulator.instances.grace import grace_of
from dubhe_simulator.instances.local import HOST
from dubhe_simulator.instances.provenance.record import Provenance

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

LOG = logging.getLogger("dubhe_simulator")
POLL_INTERVAL_S = 0.1
LAST_LINES_S = 5.0
NOT_RUNNING = 409


class DockerInstance(Instance):
    """An instance. Use it as a context manager: leaving it ends the instance.

    Args:
        client: the engine's.
        spec: what to start.
        show: called with each line of its output, on a thread of its own.
        watcher: says whether it is paused; None if nobody asks.
        control: a client for requests that are answered at once, which therefore waits for an
            answer less long; None for ``client``.

    Attributes:
        over: whether nothing of it is left.
    """

    engine = "docker"

    def __init__(
        self,
        client: DockerClient,
        spec: ContainerSpec,
        show: Callable[[bytes], None] = lambda line: None,
        watcher: ContainerWatcher | None = None,
        control: DockerClient | None = None,
    ) -> None:
        super().__init__(spec.kind, spec.instance_id, spec.temporary_folder)
        self.console = spec.run / "console.log"
        self.over = False
        self.spec = spec
        self._client = client
        self._control = control or client
        self._show = show
        self._watcher = watcher
        self._container: Container | None = None
        self._unsure = False  # whether the engine may have created one without saying so
        self._exit_info: ExitInfo | None = None
        self._asked_at: float | None = None  # when the engine passed SIGTERM on
        self._killed = False
        self._problem: Condition | None = None
        self._address: tuple[str, int] | None = None

    @property
    def address(self) -> tuple[str, int] | None:
        """See `Instance.address`."""
        return self._address

    @property
    def condition(self) -> Condition | None:
        """See `Instance.condition`: its engine does not answer, or it is paused."""
        container, watcher = self._container, self._watcher
        if self._problem is not None:
            return self._problem
        if container is None or watcher is None or container.id not in watcher.paused:
            return None
        return Condition("container_paused", {"name": self.spec.name})

    def ended(self) -> ExitInfo | None:
        """See `Instance.ended`. By then `show` has got every line."""
        return self._exit_info

    def wait(self, seconds: float) -> None:
        """Wait so long, or until its output ends."""
        self._copying.join(seconds)

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel killed something in it for its memory limit. For after its end."""
        return self._container is not None and bool(self._container.attrs["State"]["OOMKilled"])

    def stop(self) -> ExitInfo:
        """See `Instance.stop`. A second signal to this process ends the grace."""
        if self._container is None:
            return self._exit_info or ExitInfo(0)
        with interrupts.deferred():
            if self._asked_at is None:
                self._signal("SIGTERM")
                self._asked_at = time.monotonic()
            graces = (self.grace, self.grace, 0.0)
            return wait_for_exit(self.ended, self._kill, graces, self._asked_at)

    def reported_count(self) -> int | None:
        """See `Instance.reported_count`."""
        found = super().reported_count()
        return None if found is None else found - self.spec.reported_before

    @property
    def grace(self) -> float:
        """How many seconds it may take to end."""
        return grace_of(self.spec.environment)

    def provenance(self) -> Provenance | None:
        """See `Instance.provenance`."""
        from docker.errors import DockerException

        try:
            container = self._container
            if container is None:
                return None
            image = self._client.images.get(container.attrs["Image"])
            return container_provenance(container.attrs, image.attrs, self._client.info())
        except (DockerException, OSError):
            return None  # it has ended, or its image is gone

    def start(self) -> None:
        """See `Instance.start`: the port is taken, there is no such GPU."""
        try:
            self._prepare_folders()
            with interrupts.deferred():  # or nobody would hold on to the container
                self._start()
        except BaseException:
            self._remove_sometime()
            raise

    def close(self) -> None:
        """See `Instance.close`: the container."""
        with interrupts.deferred():
            if self._container is not None and self._exit_info is None:
                self.stop()
                self.wait(LAST_LINES_S)
            self._remove_sometime()

    def _prepare_folders(self) -> None:
        spool = self.spec.spool
        self.spec.make_folders()
        if spool is not None:
            # Relative, so that it leads there from wherever the folder is mounted.
            (self.folder / "spool").symlink_to(os.path.relpath(spool, self.folder))

    def _start(self) -> None:
        from docker.errors import APIError, DockerException

        spec = self.spec
        try:
            with answers():
                workdir = workdir_of(find_image(self._client, spec.image))
                self._container = container = self._create(spec.arguments(workdir))
                chosen = spec.environment.get("protocol", DEFAULT_PROTOCOL)
                self.protocol = protocol_in(container, workdir, chosen)
                container.start()
                container.reload()
        except EngineSilent:
            raise
        except (APIError, EngineProblem) as error:
            raise EngineError(status.refusal(error.__cause__ or error, spec)) from error
        except DockerException as error:  # an option that the package itself refuses
            raise EngineError(str(error)) from error
        self._follow(container)

    def _create(self, arguments: dict[str, Any]) -> Container:
        from docker.errors import DockerException

        self._unsure = True
        try:
            container = self._client.containers.create(**arguments)
        except DockerException:  # refused
            self._unsure = False
            raise
        self._unsure = False
        return container

    def adopt(self, container: Container) -> None:
        """Take over a container that an earlier session of the platform has started.

        It may have ended meanwhile. Its output is followed from where it was.
        """
        workdir = container.attrs["Config"]["WorkingDir"] or DEFAULT_WORKDIR
        self._container = container
        chosen = self.spec.environment.get("protocol", DEFAULT_PROTOCOL)
        self.protocol = protocol_in(container, workdir, chosen)
        self._follow(container)

    def _follow(self, container: Container) -> None:
        self._address = _address(container, self.spec)
        self._copying = Thread(target=self._copy, args=(container,), name="console", daemon=True)
        self._copying.start()

    def _copy(self, container: Container) -> None:
        for line in copy_output(container, self.console, self._waits):
            self._show(line)
        while self._exit_info is None and not self.over:
            self._poll_exit(container)

    def _poll_exit(self, container: Container) -> None:
        """Note how it ended; wait a moment if it has not."""
        from docker.errors import NotFound

        try:
            with answers():
                container.reload()
            self._problem = None
            self._exit_info = status.exit_of(container.attrs, killed=self._killed)
        except NotFound:
            self._exit_info = status.REMOVED
        except EngineProblem as problem:
            self._problem = problem.condition
        if self._exit_info is None:
            time.sleep(AGAIN_S)

    def _waits(self, silence: EngineSilent | None) -> bool:
        """See `copy_output`."""
        self._problem = silence.condition if silence is not None else None
        return not self.over

    def _kill(self) -> None:
        self._killed = True
        self._signal("SIGKILL")

    def _signal(self, name: str) -> None:
        """Send a signal; what has ended meanwhile needs none.

        Raises:
            EngineProblem: the engine refuses, or does not answer.
        """
        from docker.errors import APIError, NotFound

        assert self._container is not None
        try:
            with answers(), suppress(NotFound):
                self._control.api.kill(self.spec.name, name)
        except EngineProblem as problem:
            cause = problem.__cause__
            if not isinstance(cause, APIError) or cause.status_code != NOT_RUNNING:
                self._problem = problem.condition
                raise
        self._problem = None

    def _remove_sometime(self) -> None:
        """Kill and remove the container, if there is one; later if the engine does not answer."""
        try:
            self._remove()
        except EngineProblem as problem:
            LOG.warning("%s: %s", self.id, problem)
            until_answered(self._remove)

    def _remove(self) -> None:
        """Kill and remove the container, if there is one.

        Raises:
            EngineProblem: the engine refuses, or does not answer.
        """
        with answers():
            containers = self._created() if self._unsure else filter(None, [self._container])
            for container in containers:
                self._remove_one(container)
        self._container = None
        self.over = True

    def _created(self) -> list[Container]:
        """Return what the engine has created without saying so."""
        labels = {RUN_LABEL: self.spec.run, INSTANCE_LABEL: self.id}
        wanted = [f"{name}={value}" for name, value in labels.items()]
        found: list[Container] = self._client.containers.list(
            all=True, filters={"label": wanted}, ignore_removed=True
        )
        return found

    def _remove_one(self, container: Container) -> None:
        from docker.errors import APIError, NotFound

        deadline = time.monotonic() + self.grace
        with suppress(NotFound):
            while True:
                try:
                    return container.remove(force=True, v=True)
                except APIError as error:
                    # "removal … is already in progress" (409) ends by itself.
                    if error.status_code != 409 or time.monotonic() > deadline:
                        raise
                time.sleep(POLL_INTERVAL_S)


def _address(container: Container, spec: ContainerSpec) -> tuple[str, int] | None:
    """Return where it serves: on the host's loopback, or on its network if not published.

    None if it has ended.
    """
    if container.status == "exited":
        return None
    if spec.on_host_network:
        return HOST, spec.inner_port
    settings = container.attrs["NetworkSettings"]
    if not spec.published:
        return str(settings["Networks"][spec.network]["IPAddress"]), spec.inner_port
    bound = (settings.get("Ports") or {}).get(f"{spec.inner_port}/tcp")
    return HOST, int(bound[0]["HostPort"]) if bound else spec.inner_port
