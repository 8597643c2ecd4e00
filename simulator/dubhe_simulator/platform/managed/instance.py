"""One instance that the platform started or was given the address of: process and heart."""

from __future__ import annotations

import threading

from dubhe_simulator.client.address import Address, name_in
from dubhe_simulator.client.heartbeat import HeartbeatMonitor
from dubhe_simulator.errors import TaskFailed
from dubhe_simulator.instances.base import ExitInfo, Instance
from dubhe_simulator.platform.state.records import InstanceRecord
from dubhe_simulator.platform.state.registry import InstanceRegistry


class ManagedInstance:
    """One instance that is asked for heartbeats; one that we started ends with us.

    Args:
        name: its id.
        address: where it serves.
        process: if the platform started it.
        nameless: ``name`` only stands in for its id, which it did not tell yet.
    """

    def __init__(
        self, name: str, address: Address, process: Instance | None, *, unidentified: bool = False
    ) -> None:
        self.name = name
        self.discovered_id: str | None = None
        """Its id, once a nameless one has told it."""
        self._unidentified = unidentified
        self.address = address
        self.process = process
        self._heartbeat_monitor: HeartbeatMonitor | None = None
        self._ended: ExitInfo | None = None
        self._polling = threading.Lock()  # one thread at a time asks the process for its end

    def poll(self, registry: InstanceRegistry) -> None:
        """Note what became of it since the last look."""
        if not self._polling.acquire(blocking=False):
            return  # it is being stopped, which is noted there
        try:
            self._poll_exit(registry)
        finally:
            self._polling.release()
        if self._ended is not None:
            return
        record = registry.instances.get(self.name)
        # One that we started listens when it says READY; before, silence means nothing.
        if (
            self._heartbeat_monitor is None
            and record
            and (self.process is None or record.reported.ready)
        ):
            self._heartbeat_monitor = HeartbeatMonitor(self.address.client(), self.name)
            self._heartbeat_monitor.start()
        if self._heartbeat_monitor is not None:
            self._heartbeat_monitor.report(
                lambda alive, why: self._record_heartbeat(registry, alive, why)
            )
            if self._heartbeat_monitor.sent and record is not None and record.alive is None:
                self._record_heartbeat(registry, self._heartbeat_monitor.lost == 0, "")

    def stop(self, registry: InstanceRegistry) -> None:
        """End it, if it is ours, and wait for its end."""
        self.forget()
        with self._polling:
            if self.process is not None and self._ended is None:
                registry.note(self.name, lambda record: setattr(record.managed, "stopped", True))
                self._record_exit(registry, self.process.stop())

    def forget(self) -> None:
        """Send no more heartbeats."""
        if self._heartbeat_monitor is not None:
            self._heartbeat_monitor.stop()

    @property
    def gone(self) -> bool:
        """Whether its process has ended."""
        return self._ended is not None

    def _poll_exit(self, registry: InstanceRegistry) -> None:
        if self.process is None or self._ended is not None:
            return
        try:
            exit_info = self.process.ended()
        except TaskFailed as failure:  # its host is gone, or refused to start it
            self._record_exit(registry, ExitInfo(1), str(failure))
        else:
            if exit_info is not None:
                self._record_exit(registry, exit_info)

    def _record_heartbeat(self, registry: InstanceRegistry, alive: bool, why: str) -> None:
        if self._unidentified:
            self.discovered_id = name_in(why)

        def change(record: InstanceRecord) -> None:
            record.alive, record.heartbeat_error = alive, why

        registry.note(self.name, change)

    def _record_exit(self, registry: InstanceRegistry, exit_info: ExitInfo, lost: str = "") -> None:
        def change(record: InstanceRecord) -> None:
            if lost:
                record.managed.lost = lost
            else:
                record.managed.exit_status = exit_info.status

        self.forget()
        self._ended = exit_info
        if self.process is not None:
            self.process.__exit__(None, None, None)  # lets go of the connection to a host
        registry.note(self.name, change)
