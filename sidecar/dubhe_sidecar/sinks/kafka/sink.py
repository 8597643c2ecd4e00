"""The Kafka sink: records in, outcomes out, in order, whatever the cluster does.

Records wait in ``_pending`` in the order of sending, by the run in which they were handed over: an
outcome is returned when it and all before it are known. kafka-python repeats requests by itself,
under the same sequence number, for as long as a producer session lives. Whatever else goes wrong
has one answer: the session is thrown away as a whole, the sink waits for the cluster as at the
start, the tails of our partitions are read, and every record that is neither settled nor found
there is sent again in the old order. Nothing is repaired half-way. The reasons for it are

- an error that only waiting cures (permission, credentials, a missing topic);
- no answer at all for `KafkaLimits.stall_s`;
- none of the known brokers is there any more, but a bootstrap server is (they have moved);
- a record that the broker refuses for itself. The error of a shared batch does not show which one
  that is, so all that is in flight goes again in an *isolated* session, one record to a batch;
  there the first error is about its own record, which is rejected, and the others arrive.

A clock that the broker refuses is no matter of one record: from then on all go without a timestamp,
at full speed, and after `KafkaLimits.dated_again_s` one is tried with it again.

Any other error ends the process (`SinkError`), and the next one begins with the same procedure.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kafka.errors import (
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    SaslAuthenticationFailedError,
    UnknownTopicOrPartitionError,
)
from kafka.structs import TopicPartition

from dubhe_sdk.environment import is_topic_name
from dubhe_sdk.spool.destination import KAFKA, Destination
from dubhe_sidecar.record import OutgoingRecord
from dubhe_sidecar.sinks.base import (
    DeliveryOutcome,
    DeliveryWarning,
    OutageReason,
    SinkError,
    WarningCode,
)
from dubhe_sidecar.sinks.kafka.diagnostics.client_log import throttling
from dubhe_sidecar.sinks.kafka.diagnostics.outage import OutageTracker
from dubhe_sidecar.sinks.kafka.diagnostics.topic_config import compaction_warning
from dubhe_sidecar.sinks.kafka.errors import ErrorKind, classify, describe
from dubhe_sidecar.sinks.kafka.limits import KafkaLimits
from dubhe_sidecar.sinks.kafka.producer.batch import PendingRun
from dubhe_sidecar.sinks.kafka.producer.session import ProducerSession
from dubhe_sidecar.sinks.kafka.recovery.connection import ClusterConnection
from dubhe_sidecar.sinks.kafka.recovery.partitions import PartitionMap
from dubhe_sidecar.sinks.kafka.recovery.producer_ids import ProducerIds
from dubhe_sidecar.sinks.kafka.recovery.tail import ArrivedRecords
from dubhe_sidecar.sinks.kafka.settings import KafkaSettings

logger = logging.getLogger("dubhe_sidecar")

OVERHEAD_BYTES = 500  # memory of a pending record beside its value and key
CHECK_S = 0.1  # while it waits, the session is checked this often
CLOSE_S = 2.0
RUN_RECORDS = 500  # in one piece of what is handed over; outcomes are known by the piece
NEW_SESSION_AFTER = 3  # failed requests about a topic until a new session asks
THROTTLED_FOR_S = 60.0  # after the last time that the broker asked to wait
CLOCK_DIFFERS = (
    "this host's clock and the broker's differ by more than the topic accepts "
    "(message.timestamp.before.max.ms, message.timestamp.after.max.ms): records are sent without a "
    "Kafka timestamp; the date in their values is that of this host's clock. Set the clock"
)


class KafkaSink:
    """Delivers to Kafka. See `dubhe_sidecar.sinks.base.Sink` for the order of calls.

    Args:
        settings: how to reach the cluster.
        limits: times and sizes.
    """

    def __init__(self, settings: KafkaSettings, limits: KafkaLimits | None = None) -> None:
        self.name = f"kafka {settings.names}"
        self.delivered: Mapping[str, frozenset[int]] = {}
        self._limits = limits or KafkaLimits()
        self._outage = OutageTracker(self.name, self._limits.outage_after_s)
        self.on_wait: Callable[[], None] = lambda: None
        self._connection = ClusterConnection(
            settings, self._limits, self._outage, lambda: self.on_wait()
        )
        self._partitions = PartitionMap()
        self._producers = ProducerIds()
        self._offsets_at_open: dict[TopicPartition, int] | None = None
        self._identified: ProducerSession | None = None  # its producer's id is saved
        self._producer_id: int | None = None  # of that session
        self._must_save = False  # before anything is sent
        self._known_at: dict[TopicPartition, float] = {}  # when an offset was last moved
        self._undated_until: float | None = None  # the clock differs from the broker's
        self._save: Callable[[dict[str, Any]], None] = _refuse_to_save
        self._session: ProducerSession | None = None
        self._pending: deque[PendingRun] = deque()  # not settled, or behind one that is not
        self._settled: deque[PendingRun] = deque()  # settled, to be collected
        self._pending_bytes = 0
        self._pending_records = 0
        self._settled_records = 0
        self._progress_at = time.monotonic()
        self._topics_asked: set[str] = set()
        self._compacted: dict[str, DeliveryWarning] = {}

    @property
    def destination(self) -> Destination:
        """The cluster; its id is known after `connect`."""
        return Destination(KAFKA, self._connection.cluster)

    @property
    def outage(self) -> OutageReason | None:
        """Why nothing is delivered at present."""
        return self._outage.current

    @property
    def warnings(self) -> Sequence[DeliveryWarning]:
        """Topics that lose messages by compaction; a quota that slows this client; the clock."""
        found = [*self._compacted.values()]
        throttled = self._connection.client_log.throttled
        if throttled is not None and time.monotonic() - throttled[1] <= THROTTLED_FOR_S:
            found.append(DeliveryWarning(WarningCode.THROTTLED, throttling(throttled[0])))
        if self._undated_until is not None:
            found.append(DeliveryWarning(WarningCode.CLOCK, CLOCK_DIFFERS))
        return found

    @property
    def retries(self) -> int:
        """Number of failed attempts to reach the cluster."""
        return self._outage.retries

    @property
    def in_flight(self) -> int:
        """Records handed over whose outcome has not been collected."""
        return self._pending_records + self._settled_records

    def connect(self) -> None:
        """Wait for the cluster."""
        self._connection.client_log.install()
        self._session = self._connection.until_done(self._connection.open_session)

    def open(
        self,
        state: Mapping[str, Any] | None,
        *,
        undelivered: bool,
        save: Callable[[dict[str, Any]], None],
    ) -> None:
        """Read the tails if something may have arrived unnoticed."""
        self._partitions = PartitionMap(state)
        self._producers = ProducerIds(state)
        self._save = save
        self.delivered = {}
        self._offsets_at_open = None
        self._known_at = {}
        self._identified = self._producer_id = None
        self._must_save = False
        if undelivered and self._partitions.offsets:
            arrived = self._connection.until_done(lambda: self._read_tails(settle=True))
            self.delivered = {writer: frozenset(seqs) for writer, seqs in arrived.items()}
        if self.delivered:
            self._offsets_at_open = dict(self._partitions.offsets)
        else:
            self._producers.keep_only(None)  # nothing of an earlier process is in doubt
        self._outage.end()

    def forget_delivered(self) -> None:
        """Nothing of `delivered` is needed any more."""
        if self._offsets_at_open is not None:
            self.delivered = {}
            self._offsets_at_open = None

    def advance(self) -> bool:
        """Note where the partitions end now: nothing before that is in doubt."""
        session, offsets = self._session, self._partitions.offsets
        if session is None or session.failure is not None or self.in_flight or not offsets:
            return False
        now = time.monotonic()
        stale = [
            p for p in offsets if now - self._known_at.setdefault(p, now) >= self._limits.advance_s
        ]
        if not stale:
            return False
        self._known_at |= dict.fromkeys(stale, now)
        try:
            with self._connection.open_tail_reader() as reader:
                ends = {partition: reader.end(partition) for partition in stale}
        except (KafkaError, OSError) as error:  # a later time will do; sending will report it
            logger.debug("%s: the ends of partitions were not learned: %s", self.name, error)
            self._connection.client_log.reset()
            return False
        changed = any(offsets[partition] != end for partition, end in ends.items())
        offsets.update(ends)
        return changed

    def send(self, records: Sequence[OutgoingRecord]) -> None:
        """Hand over records; wait while too much is in flight."""
        topic = records[0].topic
        if not is_topic_name(topic):  # of an older run, whose environment was not checked
            pending = self._enqueue(records, _size(records))
            pending.reject(f"{topic!r} is no name of a Kafka topic")
            return
        step = min(RUN_RECORDS, self._limits.in_flight_records)
        if len(records) <= step:
            self._send_part(records)
            return
        for first in range(0, len(records), step):
            self._send_part(records[first : first + step])

    def _send_part(self, records: Sequence[OutgoingRecord]) -> None:
        size, limit = _size(records), self._limits.record_bytes_max
        if size > limit and len(records) > 1 and _largest(records) > limit:
            for record in records:  # so that only what is too large is refused
                self._send_part([record])
            return
        topic, key = records[0].topic, records[0].key
        session = self._session
        if session is None or session.failure is not None:
            session = self._working_session()
        if topic not in session.topics:
            while self._pending:
                self._wait(CHECK_S)
        partition = self._partitions.find(topic, key)
        if partition is None:
            partition = self._assign_partition(topic, key)
            session = self._working_session()
        queue, limits = self._pending, self._limits
        while queue and (
            self._pending_records + len(records) > limits.in_flight_records
            or self._pending_bytes + size > limits.in_flight_bytes
            or session.isolated  # only what is suspect goes to an isolated session
        ):
            self._wait(CHECK_S)
            session = self._working_session()
        if not queue:
            self._progress_at = time.monotonic()
            if self._working_session().isolated:  # nothing suspect is left
                self._replace_session(isolated=False, settle=False)
        if self._identified is not self._session:
            self._identify()
        pending = self._enqueue(records, size)
        pending.undated = self._is_undated()
        self._dispatch(pending, partition)

    def _enqueue(self, records: Sequence[OutgoingRecord], size: int) -> PendingRun:
        pending = PendingRun(records, size)
        self._pending.append(pending)
        self._pending_bytes += size
        self._pending_records += len(records)
        return pending

    def collect(self, timeout: float) -> Sequence[DeliveryOutcome]:
        """Return outcomes in the order of sending."""
        self._take_settled()
        self._working_session()
        if self._pending and not self._settled:
            self._wait(timeout)
        settled, offsets = self._settled, self._partitions.offsets
        now = time.monotonic()
        outcomes = []
        while settled:
            pending = settled.popleft()
            following = pending.next_offset
            if following is not None:
                offsets[following[0]] = following[1]
                self._known_at[following[0]] = now
            outcomes.append(DeliveryOutcome(pending.records, pending.rejected))
        self._settled_records = 0
        return outcomes

    def state(self) -> dict[str, Any]:
        """Return what `open` takes."""
        if not self.in_flight and self._offsets_at_open is None:
            self._producers.keep_only(self._producer_id)
        return self._state(None)

    def _state(self, offsets: Mapping[TopicPartition, int] | None) -> dict[str, Any]:
        return {**self._partitions.state(offsets), "producer_ids": self._producers.state()}

    def _save_now(self) -> None:
        """Save what must be known before a record is sent.

        As long as records that had arrived unnoticed are not passed, the offsets must stay before
        them: after a crash they would be neither before the position nor beyond the offset.
        """
        self._save(self._state(self._offsets_at_open))
        self._must_save = False

    def close(self) -> None:
        """Close the connections; what is in flight is abandoned."""
        session, self._session = self._session, None
        if session is not None:
            if self._pending:
                session.abandon()
            else:
                session.close(CLOSE_S)
        self._pending.clear()
        self._settled.clear()
        self._pending_bytes = self._pending_records = self._settled_records = 0
        self._connection.client_log.remove()

    def _dispatch(self, pending: PendingRun, partition: TopicPartition) -> None:
        """Hand a run to the session. A session that does not accept it has failed."""
        if self._must_save:
            self._save_now()
        session = self._session
        assert session is not None
        try:
            session.send(pending, partition)
        except MessageSizeTooLargeError as error:  # refused here, before anything was sent
            pending.reject(describe(error))
        except UnknownTopicOrPartitionError as error:
            self._partitions.unassign(partition.topic)  # created again with fewer partitions
            session.fail(pending, error)
        except KafkaError as error:
            session.fail(pending, error)

    def _wait(self, timeout: float) -> None:
        """Wait until something is settled, and keep the session working meanwhile."""
        deadline = time.monotonic() + timeout
        while self._pending:
            left = deadline - time.monotonic()
            self._pending[0].wait(max(0.0, min(left, CHECK_S)))
            if self._take_settled() or left <= 0:
                return
            self.on_wait()
            self._working_session()

    def _take_settled(self) -> bool:
        """Move what is settled, from the front, to where it is collected."""
        queue, settled = self._pending, self._settled
        before = len(settled)
        while queue:
            pending = queue[0]
            if not pending.is_settled:
                break
            settled.append(queue.popleft())
            self._pending_bytes -= pending.size
            self._pending_records -= len(pending.records)
            self._settled_records += len(pending.records)
            if self._undated_until is not None:
                self._check_clock(pending)
        if len(settled) == before:
            return False
        self._progress_at = time.monotonic()
        self._connection.succeeded()
        self._outage.end()
        return True

    def _assign_partition(self, topic: str, key: bytes) -> TopicPartition:
        """Find out where records go, waiting for their topic to exist, and have it saved."""
        partitions = self._partitions
        failures = 0
        while True:
            session = self._working_session()
            try:
                with self._outage.attempt(self._connection.waits_for):
                    count = session.partition_count(topic)
                    partition = partitions.choose(topic, key, count)
                    end = None
                    if partition not in partitions.offsets:
                        with self._connection.open_tail_reader() as reader:
                            end = reader.end(partition)
            except (KafkaError, OSError) as error:
                self._connection.wait_after(error)
                failures += 1
                if failures % NEW_SESSION_AFTER == 0 or self._connection.have_brokers_moved(
                    session
                ):
                    self._replace_session(isolated=session.isolated, settle=True)
                continue
            unsaved = partitions.is_new(partition, key)
            partitions.assign(partition, key, count, end)
            self._ask_about(topic, session)
            self._known_at.setdefault(partition, time.monotonic())
            self._must_save |= unsaved
            self._outage.end()
            return partition

    def _ask_about(self, topic: str, session: ProducerSession) -> None:
        """Find out whether a topic loses messages by compaction; once for each topic."""
        if topic not in self._topics_asked:
            self._topics_asked.add(topic)
            session.ask_cleanup_policy(topic, lambda policy: self._note_policy(topic, policy))

    def _note_policy(self, topic: str, policy: str) -> None:
        warning = compaction_warning(topic, policy)
        if warning is not None:
            self._compacted[topic] = warning
            logger.warning("%s: %s", self.name, warning.text)

    def _read_tails(self, *, settle: bool) -> ArrivedRecords:
        with self._connection.open_tail_reader() as reader:
            return reader.arrived(
                self._partitions.offsets,
                self._partitions.keys,
                self._producers.known,
                settle=settle,
            )

    def _identify(self) -> None:
        """Learn the id of the session's producer, which `_dispatch` saves before it sends."""
        while True:
            session = self._working_session()
            try:
                if self._is_identified(session):
                    return
            except KafkaError as error:
                self._renew_session(session, error)

    def _is_identified(self, session: ProducerSession) -> bool:
        """Wait for the id of a session's producer. Return False if the session has failed.

        Raises:
            KafkaError: it gets none.
        """
        deadline = time.monotonic() + self._limits.connect_timeout_s
        while (producer_id := session.producer_id(CHECK_S)) is None:
            self.on_wait()
            refused = self._connection.client_log.credentials_refused
            if refused is not None or session.failure is not None:
                return False
            if time.monotonic() >= deadline:
                raise KafkaTimeoutError("the brokers gave no producer id")
        if producer_id not in self._producers:
            self._producers.add(producer_id)
            self._must_save = True
        self._identified, self._producer_id = session, producer_id
        return True

    def _prepare(self, session: ProducerSession, unsettled: Sequence[PendingRun]) -> bool:
        """Get what a session needs before it sends again. Return False if it has failed."""
        try:
            if not self._is_identified(session):
                return False
        except KafkaError as error:
            session.fail(None, error)
            return False
        return _fetch_metadata(session, unsettled)

    def _check_clock(self, pending: PendingRun) -> None:
        """See from records that have arrived whether the broker accepts our clock again."""
        if pending.undated or not pending.was_delivered or self._is_undated():
            return
        self._undated_until = None
        logger.info("%s: the broker accepts this host's clock again", self.name)

    def _is_undated(self) -> bool:
        """Return whether records go without a timestamp at present."""
        until = self._undated_until
        return until is not None and time.monotonic() < until

    def _working_session(self) -> ProducerSession:
        """Return the session; a new one if it has failed or does not answer any more."""
        session, client_log = self._session, self._connection.client_log
        if session is None:
            raise SinkError("the Kafka sink is not open")
        self._connection.check_cluster(session)
        refused = client_log.credentials_refused
        if session.failure is not None:
            self._recover(session, *session.failure)
        elif refused is not None:
            # kafka-python would try again and again, ten times a second.
            self._renew_session(session, SaslAuthenticationFailedError(refused.text))
        elif self._pending:
            silence = time.monotonic() - self._progress_at
            if silence > self._limits.stall_s:
                self._renew_session(session, KafkaTimeoutError(f"no answer for {silence:.0f} s"))
            elif silence > self._limits.moved_after_s and self._connection.have_brokers_moved(
                session
            ):
                self._renew_session(session, KafkaConnectionError("the brokers have moved"))
            elif silence > self._limits.outage_after_s:
                self._outage.report(self._connection.waits_for())
        assert self._session is not None
        return self._session

    def _recover(
        self, session: ProducerSession, pending: PendingRun | None, error: BaseException
    ) -> None:
        """Go on after the first error of a session."""
        kind = classify(error)
        if kind is ErrorKind.UNEXPECTED:
            raise SinkError(f"{self.name}: {describe(error)}") from error
        if kind is not ErrorKind.RECORD or pending is None:
            self._renew_session(session, error)
            return
        isolated = True
        if isinstance(error, InvalidTimestampError) and not pending.undated:
            # The clocks differ by more than the broker accepts: no reason to lose a message
            # that carries its date in its value, and the next ones would fare no better.
            isolated = False
            if self._undated_until is None:
                logger.warning("%s: %s (%s)", self.name, CLOCK_DIFFERS, describe(error))
            self._undated_until = time.monotonic() + self._limits.dated_again_s
            for one in self._pending:
                one.undated = True
        elif session.isolated:
            pending.reject(describe(error))
        # The answer about the suspect's partition is here, and only one batch per partition is
        # in flight: a straggler is possible only if there are other partitions.
        partitions = {self._partitions.find(p.topic, p.key) for p in self._pending}
        self._replace_session(isolated=isolated, settle=len(partitions) > 1)

    def _renew_session(self, session: ProducerSession, error: BaseException) -> None:
        """Replace the session, after a pause, because of an error that only waiting cures."""
        session.abandon()
        self._connection.wait_after(error)
        self._replace_session(isolated=session.isolated, settle=True)

    def _replace_session(self, *, isolated: bool, settle: bool) -> None:
        """Abandon the session; send what is not settled in a new one, in the old order."""
        connection = self._connection
        if self._session is not None:
            self._session.abandon()
        session = connection.until_done(lambda: connection.open_session(isolated=isolated))
        self._session = session
        arrived: ArrivedRecords = {}
        if not all(pending.is_settled for pending in self._pending):
            arrived = connection.until_done(lambda: self._read_tails(settle=settle))
        parts = [
            part
            for pending in self._pending
            for part in pending.parts(arrived.get(pending.records[0].stream, ()), isolated=isolated)
        ]
        self._pending.clear()  # in place: `send` waits for it to get shorter
        self._pending.extend(parts)
        unsettled = [pending for pending in self._pending if not pending.is_settled]
        self._progress_at = time.monotonic()
        if not unsettled or not self._prepare(session, unsettled):
            return
        for pending in unsettled:
            partition = self._partitions.find(pending.topic, pending.key)
            if partition is None:
                partition = self._assign_partition(pending.topic, pending.key)
            if self._session is not session or session.failure is not None:
                return  # replaced meanwhile, and all sent; or about to be
            self._dispatch(pending, partition)


def _fetch_metadata(session: ProducerSession, unsettled: Sequence[PendingRun]) -> bool:
    """Get the metadata of all topics a session is to send to. Return False if it has failed."""
    for pending in unsettled:
        if pending.topic not in session.topics:
            try:
                session.partition_count(pending.topic)
            except KafkaError as error:
                session.fail(pending, error)
                return False
    return True


def _size(records: Sequence[OutgoingRecord]) -> int:
    """Return the bytes of memory that records count for while they are pending."""
    values = sum([len(record.value) for record in records])
    return values + len(records) * (len(records[0].key) + OVERHEAD_BYTES)


def _largest(records: Sequence[OutgoingRecord]) -> int:
    """Return the bytes of key and value of the largest record."""
    return len(records[0].key) + max(len(record.value) for record in records)


def _refuse_to_save(_: dict[str, Any]) -> None:
    raise SinkError("the Kafka sink is not open")
