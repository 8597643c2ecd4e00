"""The Kafka sink: records in, outcomes out, in order, whatever the cluster does.

Records wait in the order of sending, by the run in which they were handed over (`PendingQueue`): an
outcome is returned when it and all before it are known. What is done after an error: `Sessions`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kafka.errors import KafkaError

from dubhe_sdk.environment import is_topic_name
from dubhe_sdk.spool.destination import KAFKA, Destination
from dubhe_sidecar.record import OutgoingRecord
from dubhe_sidecar.sinks.base import (
    DeliveryOutcome,
    DeliveryWarning,
    OutageReason,
    WarningCode,
)
from dubhe_sidecar.sinks.kafka.clock_skew import CLOCK_DIFFERS
from dubhe_sidecar.sinks.kafka.diagnostics.client_log import throttling
from dubhe_sidecar.sinks.kafka.diagnostics.outage import OutageTracker
from dubhe_sidecar.sinks.kafka.limits import KafkaLimits
from dubhe_sidecar.sinks.kafka.pending_queue import PendingQueue, largest_of, size_of
from dubhe_sidecar.sinks.kafka.recovery.connection import ClusterConnection
from dubhe_sidecar.sinks.kafka.recovery.sink_state import SinkState
from dubhe_sidecar.sinks.kafka.sessions import CHECK_S, Sessions
from dubhe_sidecar.sinks.kafka.settings import KafkaSettings

logger = logging.getLogger("dubhe_sidecar")

RUN_RECORDS = 500  # in one piece of what is handed over; outcomes are known by the piece
THROTTLED_FOR_S = 60.0  # after the last time that the broker asked to wait


class KafkaSink:
    """Delivers to Kafka. See `dubhe_sidecar.sinks.base.Sink` for the order of calls.

    Args:
        settings: how to reach the cluster.
        limits: times and sizes.
    """

    def __init__(self, settings: KafkaSettings, limits: KafkaLimits | None = None) -> None:
        self.name = f"kafka {settings.names}"
        self.on_wait: Callable[[], None] = lambda: None
        self._limits = limits or KafkaLimits()
        self._outage = OutageTracker(self.name, self._limits.outage_after_s)
        self._connection = ClusterConnection(
            settings, self._limits, self._outage, lambda: self.on_wait()
        )
        self._queue = PendingQueue(self._limits)
        self._sessions = Sessions(
            *(self.name, self._limits, self._connection, self._outage, self._queue),
            lambda: self.on_wait(),
        )

    @property
    def destination(self) -> Destination:
        """The cluster; its id is known after `connect`."""
        return Destination(KAFKA, self._connection.cluster)

    @property
    def delivered(self) -> Mapping[str, frozenset[int]]:
        """What had arrived unnoticed."""
        return self._sessions.state.delivered

    @property
    def outage(self) -> OutageReason | None:
        """Why nothing is delivered at present, or why not everything is."""
        return self._outage.current or self._sessions.missing.outage

    @property
    def warnings(self) -> Sequence[DeliveryWarning]:
        """Topics that lose messages by compaction; a quota that slows this client; the clock."""
        found = self._sessions.compaction.found
        throttled = self._connection.client_log.throttled
        if throttled is not None and time.monotonic() - throttled[1] <= THROTTLED_FOR_S:
            found.append(DeliveryWarning(WarningCode.THROTTLED, throttling(throttled[0])))
        if self._sessions.clock.is_known:
            found.append(DeliveryWarning(WarningCode.CLOCK, CLOCK_DIFFERS))
        return found

    @property
    def retries(self) -> int:
        """Number of failed attempts to reach the cluster."""
        return self._outage.retries

    @property
    def in_flight(self) -> int:
        """Records handed over whose outcome has not been collected."""
        return len(self._queue)

    def connect(self) -> None:
        """Wait for the cluster."""
        self._connection.client_log.install()
        self._sessions.connect()

    def open(
        self,
        state: Mapping[str, Any] | None,
        *,
        undelivered: bool,
        save: Callable[[dict[str, Any]], None],
    ) -> None:
        """Read the tails if something may have arrived unnoticed."""
        sessions = self._sessions
        sessions.begin(SinkState(state, save))
        if undelivered and sessions.state.partitions.offsets:
            arrived = self._connection.until_done(lambda: sessions.read_tails(settle=True))
            sessions.state.note_arrived(arrived)
        if sessions.state.hides_nothing and not sessions.missing.unread:
            sessions.state.producers.keep_only(None)  # nothing of an earlier process is in doubt
        self._outage.end()

    def forget_delivered(self) -> None:
        """Nothing of `delivered` is needed any more."""
        self._sessions.state.forget_delivered()

    def advance(self) -> bool:
        """Note where the partitions end now: nothing before that is in doubt."""
        session, state, missing = (
            self._sessions.current,
            self._sessions.state,
            self._sessions.missing,
        )
        if session is None or session.failure is not None or self.in_flight:
            return False
        if not missing:
            missing.unread.clear()  # all there is was sent: nothing that goes there is in doubt
        stale = [p for p in state.stale(self._limits.advance_s) if p.topic not in missing]
        if not stale:
            return False
        state.touch(stale)
        try:
            with self._connection.open_tail_reader() as reader:
                ends = {partition: reader.end(partition) for partition in stale}
        except (KafkaError, OSError) as error:  # a later time will do; sending will report it
            logger.debug("%s: the ends of partitions were not learned: %s", self.name, error)
            self._connection.client_log.reset()
            return False
        offsets = state.partitions.offsets
        changed = any(offsets[partition] != end for partition, end in ends.items())
        offsets.update(ends)
        return changed

    def may_resume(self) -> bool:
        """Return whether a topic whose records were deferred exists again."""
        if not self._sessions.missing:
            return False
        self._sessions.watch_missing()
        return bool(self._sessions.missing.back)

    def resume(self) -> None:
        """Take again what goes to topics that exist again."""
        self._sessions.resume()

    def send(self, records: Sequence[OutgoingRecord]) -> None:
        """Hand over records; wait while too much is in flight."""
        topic = records[0].topic
        if not is_topic_name(topic):  # of an older run, whose environment was not checked
            pending = self._queue.add(records, size_of(records))
            pending.reject(f"{topic!r} is no name of a Kafka topic")
            return
        step = min(RUN_RECORDS, self._limits.in_flight_records)
        if len(records) <= step:
            self._send_part(records)
            return
        for first in range(0, len(records), step):
            self._send_part(records[first : first + step])

    def _send_part(self, records: Sequence[OutgoingRecord]) -> None:
        size, limit = size_of(records), self._limits.record_bytes_max
        if size > limit and len(records) > 1 and largest_of(records) > limit:
            for record in records:  # so that only what is too large is refused
                self._send_part([record])
            return
        topic, key = records[0].topic, records[0].key
        sessions, queue = self._sessions, self._queue
        session = sessions.current
        if session is None or session.failure is not None:
            session = sessions.working()
        if topic not in session.topics and topic not in sessions.missing:
            while queue.waiting:
                self._wait(CHECK_S)
        partition = None
        if topic not in sessions.missing:
            partition = sessions.state.partitions.find(topic, key)
            if partition is None:
                partition = sessions.assign_partition(topic, key)
                session = sessions.working()
        while queue.waiting and (
            queue.is_full_for(len(records), size)
            or session.isolated  # only what is suspect goes to an isolated session
        ):
            self._wait(CHECK_S)
            session = sessions.working()
        if not queue.waiting and sessions.working().isolated:  # nothing suspect is left
            sessions.replace(isolated=False, settle=False)
        if partition is not None and topic not in sessions.missing:
            sessions.identify()  # which a user without Write on any topic cannot
        pending = queue.add(records, size)
        pending.undated = sessions.clock.is_undated
        if partition is None or topic in sessions.missing:
            pending.defer()
        else:
            sessions.dispatch(pending, partition)

    def collect(self, timeout: float) -> Sequence[DeliveryOutcome]:
        """Return outcomes in the order of sending."""
        self._take_settled()
        self._sessions.working()
        if self._queue.waiting and not self._queue.has_settled:
            self._wait(timeout)
        outcomes = []
        for pending in self._queue.collect():
            following = pending.next_offset
            if following is not None:
                self._sessions.state.move(*following)
            outcomes.append(
                DeliveryOutcome(pending.records, pending.rejected, deferred=pending.deferred)
            )
        return outcomes

    def state(self) -> dict[str, Any]:
        """Return what `open` takes."""
        sessions = self._sessions
        if not (
            self.in_flight or sessions.missing.hides_records or not sessions.state.hides_nothing
        ):
            sessions.state.producers.keep_only(sessions.producer_id)
        return sessions.state.saved()

    def close(self) -> None:
        """Close the connections; what is in flight is abandoned."""
        self._sessions.close()
        self._queue.clear()
        self._connection.client_log.remove()

    def _wait(self, timeout: float) -> None:
        """Wait until something is settled, and keep the session working meanwhile."""
        deadline = time.monotonic() + timeout
        while self._queue.waiting:
            left = deadline - time.monotonic()
            self._queue.waiting[0].wait(max(0.0, min(left, CHECK_S)))
            if self._take_settled() or left <= 0:
                return
            self.on_wait()
            self._sessions.working()

    def _take_settled(self) -> bool:
        """Move what is settled, from the front, to where it is collected."""
        taken = self._queue.take_settled()
        if not taken:
            return False
        if self._sessions.clock.is_known:
            for pending in taken:
                self._sessions.clock.note_settled(pending)
        self._connection.succeeded()
        self._outage.end()
        return True
