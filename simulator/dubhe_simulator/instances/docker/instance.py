"""One running instance of an algorithm, in a container of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING

from dubhe_simulator import interrupts
from dubhe_simulator.algorithm.layout import DEFAULT_PROTOCOL
from dubhe_simulator.errors import EngineError, TaskFailed
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import Condition, ExitInfo, Instance, wait_for_exit
from dubhe_simulator.instances.docker import status
from dubhe_simulator.instances.docker.console import copy_output
from dubhe_simulator.instances.docker.image import (
    DEFAULT_WORKDIR,
    find_image,
    protocol_in,
    workdir_of,
)
from dubhe_simulator.instances.docker.pauses import PauseWatcher
from dubhe_simulator.instances.docker.provenance import container_provenance
from dubhe_simulator.instances.docker.spec import ContainerSpec
from dubhe_simulator.instances.grace import grace_of
from dubhe_simulator.instances.local import HOST
from dubhe_simulator.instances.provenance.record import Provenance

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

LOG = logging.getLogger("dubhe_simulator")
POLL_INTERVAL_S = 0.1
LAST_LINES_S = 5.0


class DockerInstance(Instance):
    """An instance. Use it as a context manager: leaving it ends the instance.

    Args:
        client: the engine's.
        spec: what to start.
        show: called with each line of its output, on a thread of its own.
        pauses: says whether it is paused; None if nobody asks.

    Attributes:
        over: whether nothing of it is left.
    """

    engine = "docker"

    def __init__(
        self,
        client: DockerClient,
        spec: ContainerSpec,
        show: Callable[[bytes], object] = lambda line: None,
        pauses: PauseWatcher | None = None,
    ) -> None:
        super().__init__(spec.kind, spec.instance_id, spec.temporary_folder)
        self.console = spec.run / "console.log"
        self.over = False
        self.spec = spec
        self._client = client
        self._show = show
        self._pauses = pauses
        self._container: Container | None = None
        self._exit_info: ExitInfo | None = None
        self._killed = False
        self._address: tuple[str, int] | None = None

    @property
    def address(self) -> tuple[str, int] | None:
        """See `Instance.address`."""
        return self._address

    @property
    def condition(self) -> Condition | None:
        """See `Instance.condition`: it is paused."""
        container, pauses = self._container, self._pauses
        if container is None or pauses is None or container.id not in pauses.paused:
            return None
        return Condition("container_paused", {"name": self.spec.name})

    def ended(self) -> ExitInfo | None:
        """See `Instance.ended`. By then `show` has got every line."""
        # The engine ends the output of a container that has ended: no need to ask it before.
        if self._container is None or self._exit_info is not None or self._copying.is_alive():
            return self._exit_info
        from docker.errors import NotFound

        try:
            self._container.reload()
        except NotFound:
            self._exit_info = status.REMOVED
        except OSError as error:
            raise TaskFailed(translate("container_lost", error=error), self.logs) from error
        else:
            self._exit_info = status.exit_of(self._container.attrs, killed=self._killed)
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
            try:
                self._signal("SIGTERM")
                return wait_for_exit(self.ended, self._kill, (self.grace, self.grace, 0.0))
            except (OSError, TaskFailed) as error:
                LOG.warning("%s: %s", self.id, error)
                return ExitInfo(status.EXIT_UNKNOWN)

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
            self._remove()
            raise

    def close(self) -> None:
        """See `Instance.close`: the container."""
        with interrupts.deferred():
            if self._container is not None and self._exit_info is None:
                self._exit_info = self.stop()
                self.wait(LAST_LINES_S)
            try:
                self._remove()
            except (EngineError, OSError) as problem:
                LOG.warning("%s: %s", self.id, problem)

    def _prepare_folders(self) -> None:
        spool = self.spec.spool
        self.spec.make_folders()
        if spool is not None:
            # Relative, so that it leads there from wherever the folder is mounted.
            (self.folder / "spool").symlink_to(os.path.relpath(spool, self.folder))

    def _start(self) -> None:
        from docker.errors import APIError, DockerException

        spec = self.spec
        workdir = workdir_of(find_image(self._client, spec.image))
        try:
            container = self._client.containers.create(**spec.arguments(workdir))
            self._container = container
            chosen = spec.environment.get("protocol", DEFAULT_PROTOCOL)
            self.protocol = protocol_in(container, workdir, chosen)
            container.start()
        except APIError as error:
            raise EngineError(status.refusal(error, spec)) from error
        except DockerException as error:  # an option that the package itself refuses
            raise EngineError(str(error)) from error
        container.reload()
        self._follow(container)

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
        for line in copy_output(container, self.console):
            self._show(line)

    def _kill(self) -> None:
        self._killed = True
        self._signal("SIGKILL")

    def _signal(self, name: str) -> None:
        from docker.errors import APIError

        if self._container is not None:
            with contextlib.suppress(APIError):  # it has ended meanwhile
                self._container.kill(name)

    def _remove(self) -> None:
        """Kill and remove the container, if there is one."""
        from docker.errors import APIError, NotFound

        container, self._container = self._container, None
        deadline = time.monotonic() + self.grace
        while container is not None:
            try:
                container.remove(force=True, v=True)
                container = None
            except NotFound:
                container = None
            except APIError as error:
                # "removal … is already in progress" (409) ends by itself.
                if error.status_code != 409 or time.monotonic() > deadline:
                    raise EngineError(str(error.explanation or error)) from error
                time.sleep(POLL_INTERVAL_S)
        self.over = True


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
