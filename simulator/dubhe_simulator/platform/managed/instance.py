"""One instance that the platform started or was given the address of: process and heartbeats."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict

from dubhe_simulator.client.address import Address, name_in
from dubhe_simulator.client.heartbeat import HeartbeatMonitor
from dubhe_simulator.instances.base import Condition, ExitInfo, Instance
from dubhe_simulator.instances.engine_problem import EngineProblem, until_answered
from dubhe_simulator.platform.state.records import InstanceRecord
from dubhe_simulator.platform.state.registry import InstanceRegistry, now_ms

LOG = logging.getLogger("dubhe_simulator")


class ManagedInstance:
    """One instance that is asked for heartbeats; one that we started ends with us.

    Args:
        name: its id.
        address: where it serves; None if its engine has not given it one yet.
        process: if the platform started it.
        registry: records what becomes of it.
        unidentified: ``name`` only stands in for its id, which it did not tell yet.
    """

    def __init__(
        self,
        name: str,
        address: Address | None,
        process: Instance | None,
        registry: InstanceRegistry,
        *,
        unidentified: bool = False,
    ) -> None:
        self.name = name
        self.discovered_id: str | None = None
        """Its id, once an unidentified one has told it."""
        self._unidentified = unidentified
        self.address = address
        self.process = process
        self._registry = registry
        self._heartbeat_monitor: HeartbeatMonitor | None = None
        self.exit_info: ExitInfo | None = None
        """How its process ended; None while it runs."""
        self._condition: Condition | None = None
        self._polling = threading.Lock()  # one thread at a time asks the process for its end
        self._noting = threading.Lock()  # what its engine says, up to its end
        self._closing = threading.Event()

    def poll(self) -> None:
        """Note what became of it since the last call."""
        self._poll_engine()
        if not self._polling.acquire(blocking=False):
            return  # it is being stopped, which is noted there
        try:
            self._poll_exit()
            record = self._registry.instances.get(self.name)
            # One that we started listens when it says READY; before, silence means nothing.
            listens = record is not None and (self.process is None or record.reported.ready)
            unasked = self._heartbeat_monitor is None and self.exit_info is None
            if unasked and listens and self.address is not None:
                if self.process is not None:
                    threading.Thread(
                        target=self._note_provenance, args=(self.process,),
                        name="provenance", daemon=True,
                    ).start()  # fmt: skip
                client = self.address.client()
                monitor = HeartbeatMonitor(client, self.name, self._record_heartbeat)
                self._heartbeat_monitor = monitor
                monitor.start()
        finally:
            self._polling.release()

    def stop(self) -> ExitInfo:
        """End it, if it is ours, and wait for its end.

        Raises:
            EngineProblem: its engine does not do it now. It is asked again until it does.
        """
        self.forget()
        try:
            self._stop()
        except EngineProblem:
            self.stop_later()
            raise
        return self.exit_info or ExitInfo(0)

    def stop_later(self) -> None:
        """Have it ended, and wait for nothing."""
        until_answered(self._stop, self._closing)

    def close(self) -> None:
        """Stop it; leave nothing behind that asks with what it ran, as after a `stop` alone."""
        self._closing.set()
        if self.process is not None:
            self.process.cancel_provenance()
        self.forget()
        try:
            self._stop()
        except EngineProblem as problem:
            # The next session on the same folder finds it by its label.
            LOG.warning("%s: %s", self.name, problem)

    def forget(self) -> None:
        """Send no more heartbeats."""
        if self._heartbeat_monitor is not None:
            self._heartbeat_monitor.stop()

    @property
    def heartbeats(self) -> tuple[int, int]:
        """How many heartbeats were sent, and how many of them lost."""
        monitor = self._heartbeat_monitor
        return (monitor.sent, monitor.lost) if monitor is not None else (0, 0)

    @property
    def runs(self) -> bool:
        """Whether it is a process of ours that has not ended."""
        return self.process is not None and self.exit_info is None

    def _stop(self) -> None:
        with self._polling:
            self._poll_exit()  # one that has ended by itself was not stopped
            if self.process is not None and self.exit_info is None:
                self._registry.note(self.name, _note_stop)
                self._record_exit(self.process.stop())

    def _poll_engine(self) -> None:
        """Note an address that it has got meanwhile, and what its engine says of it."""
        process = self.process
        if process is None:
            return
        with self._noting:
            if self.exit_info is not None:
                return
            if self.address is None and (found := process.address) is not None:
                self.address = address = Address(process.protocol, *found)
                self._registry.note(
                    self.name, lambda record: setattr(record.managed, "address", address.text)
                )
            condition = process.condition
            if condition != self._condition:
                self._condition = condition
                facts = _facts(condition)
                self._registry.note(
                    self.name, lambda record: setattr(record.managed, "condition", facts)
                )

    def _poll_exit(self) -> None:
        if self.process is None or self.exit_info is not None:
            return
        exit_info = self.process.ended()
        if exit_info is not None:
            self._record_exit(exit_info)

    def _note_provenance(self, process: Instance) -> None:
        found = process.provenance()
        if found is not None:
            self._registry.note_provenance(self.name, asdict(found))

    def _record_heartbeat(self, alive: bool, why: str) -> None:
        if self._unidentified:
            self.discovered_id = name_in(why)

        def change(record: InstanceRecord) -> None:
            record.alive, record.heartbeat_error = alive, why

        self._registry.note(self.name, change)

    def _record_exit(self, exit_info: ExitInfo) -> None:
        def change(record: InstanceRecord) -> None:
            record.managed.condition = _facts(exit_info.reason)
            record.managed.exit_status = exit_info.status

        self.forget()
        with self._noting:
            self.exit_info = exit_info
        if self.process is not None:
            self.process.close()  # its container goes
        self._registry.note(self.name, change)


def _note_stop(record: InstanceRecord) -> None:
    if not record.managed.stopped:  # or it is asked again
        record.managed.stopped, record.managed.stopped_ms = True, now_ms()


def _facts(condition: Condition | None) -> dict[str, str]:
    """Return it as the database keeps it."""
    return condition.facts if condition is not None else {}
