"""One running instance of an algorithm, in a container of its own."""

from __future__ import annotations

import logging
import os
from collections import deque
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING

from dubhe_simulator import interrupts
from dubhe_simulator.errors import EngineError, TaskFailed
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import ExitInfo, wait_for_exit
from dubhe_simulator.instances.docker.container import RunningContainer
from dubhe_simulator.instances.docker.logs import copy_output
from dubhe_simulator.instances.docker.spec import ContainerSpec
from dubhe_simulator.instances.spool_status import reported_count

if TYPE_CHECKING:
    from docker import DockerClient

LOG = logging.getLogger("dubhe_simulator")
LAST_LINES_S = 5.0


class DockerInstance:
    """An instance. Use it as a context manager: leaving it ends the instance.

    Args:
        client: the engine's.
        spec: what to start, with a spool.

    Attributes:
        spool: its spool, which may have a rest of a former instance: this one delivers that first.
        over: whether nothing of it is left.
    """

    def __init__(self, client: DockerClient, spec: ContainerSpec) -> None:
        self.kind = spec.kind
        self.id = spec.instance_id
        self.folder = spec.temporary_folder
        self.spool = spec.spool
        self.over = False
        self.logs = (spec.run / "console.log", self.folder / "log" / "dubhe.log")
        self.protocol = ""
        self.address = ("", 0)
        self._client = client
        self._spec = spec
        self._container: RunningContainer | None = None
        self._exit_info: ExitInfo | None = None
        self._killed = False

    def ended(self) -> ExitInfo | None:
        """See `Instance.ended`."""
        # The engine ends the output of a container that has ended: no need to ask it before.
        if self._container is None or self._exit_info is not None or self._copying.is_alive():
            return self._exit_info
        try:
            status = self._container.ended()
        except OSError as error:
            raise TaskFailed(translate("container_lost", error=error), self.logs) from error
        if status is not None:
            self._exit_info = ExitInfo(status, self._killed)
        return self._exit_info

    def stop(self) -> ExitInfo:
        """See `Instance.stop`."""
        if self._container is None:
            return self._exit_info or ExitInfo(0)
        with interrupts.deferred():
            try:
                self._container.stop()
                return wait_for_exit(self.ended, self._kill)
            except (OSError, TaskFailed) as error:
                LOG.warning("%s: %s", self.id, error)
                return ExitInfo(1)

    def reported_count(self) -> int | None:
        """See `Instance.reported_count`."""
        found = reported_count(self.folder / "spool")
        return None if found is None else found - self._reported_before

    def __enter__(self) -> DockerInstance:
        try:
            self._start()
        except BaseException:
            self.over = True
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._container is None:
            return
        with interrupts.deferred():
            if self._exit_info is None:
                self._exit_info = self.stop()
            self._copying.join(LAST_LINES_S)
            try:
                self._container.remove()
            except (EngineError, OSError) as problem:
                LOG.warning("%s: %s", self.id, problem)
            self._container = None
        self.over = True

    def _start(self) -> None:
        assert self.spool is not None
        self._reported_before = reported_count(self.spool) or 0
        self._spec.make_folders()
        # Relative, so that it leads there from wherever the folder is mounted.
        (self.folder / "spool").symlink_to(os.path.relpath(self.spool, self.folder))
        with interrupts.deferred():  # or nobody would hold on to the container
            container = RunningContainer(self._client, self._spec)
            try:
                container.start()
                self.protocol, self.address = container.protocol, container.address
            except BaseException:
                container.remove()
                raise
            self._container = container
            # Its lines are for the file alone.
            lines = copy_output(container.container, self.logs[0])
            self._copying = Thread(target=deque, args=(lines, 0), name="console", daemon=True)
            self._copying.start()

    def _kill(self) -> None:
        assert self._container is not None
        self._killed = True
        self._container.stop(impatient=True)
