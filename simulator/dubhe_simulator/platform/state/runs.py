"""The runs of all instances: which are under way, and which was at a given time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from dubhe_simulator.platform.state.records import InstanceRecord, Run
from dubhe_simulator.platform.storage.write_batch import WriteBatch


class Runs:
    """Not for several threads at once: the registry's lock is around it.

    Args:
        facts: ``(number, facts)`` as the database has them, in the order of their beginning.
    """

    def __init__(self, facts: Iterable[tuple[int, dict[str, Any]]]) -> None:
        self._runs = {number: Run(**of) for number, of in facts}
        self._of_instance: dict[str, list[int]] = {}
        self._of_send: dict[int, int] = {}
        self._next = max(self._runs, default=0) + 1
        self._dirty: dict[int, None] = {}
        for run in self._runs.values():
            self._index(run)

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs.values()))

    def __contains__(self, number: object) -> bool:
        return number in self._runs

    def get(self, number: int | None) -> Run | None:
        """Return a run; None if there is none."""
        return None if number is None else self._runs.get(number)

    def of_send(self, send: int) -> int | None:
        """Return the run that an inference request is."""
        return self._of_send.get(send)

    def under_way(self, record: InstanceRecord) -> Run | None:
        """Return the run of an instance that has not ended."""
        return self.get(record.reported.open_run)

    def at(self, record: InstanceRecord, at_ms: int) -> Run | None:
        """Return the run that was under way when a message was reported."""
        for number in reversed(self._of_instance.get(record.id, ())):
            run = self._runs[number]
            if run.started_ms <= at_ms:
                return run if run.ended_ms is None or at_ms <= run.ended_ms else None
        return None

    def add(self, record: InstanceRecord, at_ms: int, send: int | None = None) -> Run:
        """Begin a run.

        Args:
            record: the instance.
            at_ms: when, in ms since 1970.
            send: the number of the inference request that it is.
        """
        reported = record.reported
        reported.runs += 1
        run = Run(self._next, record.id, record.kind_name, reported.runs, at_ms, send=send)
        self._next += 1
        self._runs[run.id] = run
        self._index(run)
        reported.last_run = run.id
        self.mark_changed(run)
        return run

    def end(
        self,
        record: InstanceRecord,
        at_ms: int,
        status: int | None,
        message: str,
        *,
        stopped: bool = False,
    ) -> None:
        """End the run under way, if there is one."""
        run = self.under_way(record)
        if run is not None:
            run.ended_ms, run.status, run.message = at_ms, status, message
            run.stopped = stopped
            record.reported.open_run = None
            self.mark_changed(run)

    def before(self, run: Run) -> Run | None:
        """Return the instance's run before another one."""
        numbers = self._of_instance[run.instance]
        place = numbers.index(run.id)
        return self._runs[numbers[place - 1]] if place else None

    def of_instance(self, instance: str) -> list[int]:
        """Return the numbers of an instance's runs."""
        return list(self._of_instance.get(instance, ()))

    def remove(self, run: Run) -> None:
        """Forget one run."""
        del self._runs[run.id]
        self._of_instance[run.instance].remove(run.id)
        self._dirty.pop(run.id, None)
        if run.send is not None:
            del self._of_send[run.send]

    def forget(self, instance: str) -> list[int]:
        """Forget an instance's runs; return their numbers."""
        numbers = self._of_instance.pop(instance, [])
        for number in numbers:
            run = self._runs.pop(number)
            self._dirty.pop(number, None)
            if run.send is not None:
                del self._of_send[run.send]
        return numbers

    def mark_changed(self, run: Run) -> None:
        """It has changed."""
        self._dirty[run.id] = None

    def collect(self, writes: WriteBatch) -> None:
        """Add what has changed to what has to be stored."""
        for number in self._dirty:
            writes.runs[number] = asdict(self._runs[number])
            writes.subjects["run", str(number)] = None
        self._dirty = {}

    def _index(self, run: Run) -> None:
        self._of_instance.setdefault(run.instance, []).append(run.id)
        if run.send is not None:
            self._of_send[run.send] = run.id
