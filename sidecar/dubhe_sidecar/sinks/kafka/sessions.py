"""`Sessions`: the producer session in use, and what is done when one has failed.

kafka-python repeats requests by itself, under the same sequence number, for as long as a producer
session lives. Whatever else goes wrong has one answer: the session is thrown away as a whole, the
cluster is waited for as at the start, the tails of our partitions are read, and every record that
is neither settled nor found there is sent again in the old order. Nothing is repaired half-way. The
reasons for it are

- an error that only waiting cures (credentials, a permission on the cluster);
- no answer at all for `KafkaLimits.stall_s`;
- none of the known brokers is there any more, but a bootstrap server is (they have moved);
- a topic in use that does not exist any more, or may not be written to: its records are deferred,
  see ``missing_topics.py``;
- a record that the broker refuses for itself. The error of a shared batch does not show which one
  that is, so all that is in flight goes again in an *isolated* session, one record to a batch;
  there the first error is about its own record, which is rejected, and the others arrive;
- a timestamp that the broker refuses, see ``clock_skew.py``.

Any other error ends the process (`SinkError`), and the next one begins with the same procedure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from kafka.errors import (
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NoError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from kafka.structs import TopicPartition

from dubhe_sidecar.sinks.base import SinkError
from dubhe_sidecar.sinks.kafka.clock_skew import ClockSkew
from dubhe_sidecar.sinks.kafka.diagnostics.outage import OutageTracker
from dubhe_sidecar.sinks.kafka.diagnostics.topic_config import CompactionWarnings
from dubhe_sidecar.sinks.kafka.errors import ErrorKind, classify, describe
from dubhe_sidecar.sinks.kafka.limits import KafkaLimits
from dubhe_sidecar.sinks.kafka.missing_topics import MissingTopics
from dubhe_sidecar.sinks.kafka.pending_queue import PendingQueue
from dubhe_sidecar.sinks.kafka.producer.batch import PendingRun
from dubhe_sidecar.sinks.kafka.producer.session import ProducerSession
from dubhe_sidecar.sinks.kafka.recovery.connection import ClusterConnection
from dubhe_sidecar.sinks.kafka.recovery.sink_state import SinkState
from dubhe_sidecar.sinks.kafka.recovery.tail import ArrivedRecords

CHECK_S = 0.1  # while it waits, the session is checked this often
CLOSE_S = 2.0
# What else a topic may lack, its use will show.
MISSING = (UnknownTopicOrPartitionError, TopicAuthorizationFailedError)
NEW_SESSION_AFTER = 3  # failed requests about a topic until a new session asks


class Sessions:
    """One producer session after the other.

    Args:
        name: the sink's name, which begins each text.
        limits: times and sizes.
        connection: opens sessions and readers of tails.
        outage: where it is reported why nothing is delivered.
        queue: what is sent again by a new session.
        on_wait: called again and again while it waits; may raise to give up.
    """

    def __init__(
        self,
        name: str,
        limits: KafkaLimits,
        connection: ClusterConnection,
        outage: OutageTracker,
        queue: PendingQueue,
        on_wait: Callable[[], None],
    ) -> None:
        self._name = name
        self._limits = limits
        self._connection = connection
        self._outage = outage
        self._queue = queue
        self._on_wait = on_wait
        self.missing = MissingTopics(name, limits)
        self.clock = ClockSkew(name, limits.dated_again_s)
        self.compaction = CompactionWarnings(name)
        self.state = SinkState()
        self.current: ProducerSession | None = None
        self.producer_id: int | None = None
        """The id of the current session's producer, once that is saved or about to be."""
        self._identified: ProducerSession | None = None

    def connect(self) -> None:
        """Wait for the cluster."""
        self.current = self._connection.until_done(self._connection.open_session)

    def begin(self, state: SinkState) -> None:
        """Begin to deliver, from a state that was saved."""
        self.state = state
        self.missing.clear()
        self._identified = self.producer_id = None

    def close(self) -> None:
        """Close the connections; what is in flight is abandoned."""
        session, self.current = self.current, None
        if session is not None:
            if self._queue.waiting:
                session.abandon()
            else:
                session.close(CLOSE_S)
        self.missing.clear()

    def working(self) -> ProducerSession:
        """Return the session; a new one if it has failed or does not answer any more.

        Raises:
            SinkError: the sink cannot go on.
        """
        session, client_log = self.current, self._connection.client_log
        if session is None:
            raise SinkError("the Kafka sink is not open")
        self._connection.check_cluster(session)
        refused = client_log.credentials_refused
        if session.failure is not None:
            self._recover(session, *session.failure)
        elif refused is not None:
            # kafka-python would try again and again, ten times a second.
            self._renew(session, SaslAuthenticationFailedError(refused.text))
        elif self._queue.waiting:
            self._check_silence(session, time.monotonic() - self._queue.progress_at)
        assert self.current is not None
        return self.current

    def _check_silence(self, session: ProducerSession, silence: float) -> None:
        """See why there has been no outcome for so many seconds."""
        limits, topic = self._limits, self._queue.waiting[0].topic
        if silence > limits.stall_s:
            self._renew(session, KafkaTimeoutError(f"no answer for {silence:.0f} s"))
        elif silence > limits.moved_after_s and self._connection.have_brokers_moved(session):
            self._renew(session, KafkaConnectionError("the brokers have moved"))
        elif silence > limits.topic_missing_s and self.missing.is_gone(session, topic):
            self._defer_topic(topic, UnknownTopicOrPartitionError)
            self.replace(isolated=session.isolated, settle=True)
        elif silence > limits.outage_after_s:
            self._outage.report(self._connection.waits_for())

    def watch_missing(self) -> None:
        """See whether missing topics exist again; and, as nothing else does, the brokers."""
        session = self.working()
        self.missing.poll(session)
        if self._queue.waiting:
            return
        if self.missing.silent_for <= self._limits.topic_check_s + self._limits.outage_after_s:
            self._outage.end()
            return
        self._outage.report(self._connection.waits_for())
        if self._connection.have_brokers_moved(session):
            self._renew(session, KafkaConnectionError("the brokers have moved"))

    def resume(self) -> None:
        """Use topics that exist again, having read their tails: see ``missing_topics.py``."""
        partitions, back = self.state.partitions, self.missing.back
        starts = {one: at for one, at in partitions.offsets.items() if one.topic in back}
        arrived: ArrivedRecords = {}
        if starts:
            arrived = self._connection.until_done(lambda: self.read_tails(starts, settle=True))
            back -= self.missing.unread
            self.state.note_arrived(arrived)
        if not arrived:
            for topic in back:
                partitions.forget_offsets(topic)
        self.missing.discard(back)

    def read_tails(
        self, starts: Mapping[TopicPartition, int] | None = None, *, settle: bool
    ) -> ArrivedRecords:
        """Return which of our records have arrived beyond offsets; once.

        Args:
            starts: the offsets; None: all that the state has.
            settle: see `TailReader.arrived`.

        Raises:
            KafkaError: the cluster did not answer.
        """
        state = self.state
        starts = state.partitions.offsets if starts is None else starts
        with self._connection.open_tail_reader() as reader:
            arrived = reader.arrived(
                starts, state.partitions.keys, state.producers.known, settle=settle
            )
            self.missing.unread.difference_update([partition.topic for partition in starts])
            self.missing.unread.update(reader.absent)
        return arrived

    def dispatch(self, pending: PendingRun, partition: TopicPartition) -> None:
        """Hand a run to the session. A session that does not accept it has failed."""
        if self.state.must_save:
            self.state.save_now()
        session = self.current
        assert session is not None
        try:
            session.send(pending, partition)
        except MessageSizeTooLargeError as error:  # refused here, before anything was sent
            pending.reject(describe(error))
        except UnknownTopicOrPartitionError as error:
            self.state.partitions.unassign(partition.topic)  # created again with fewer partitions
            session.fail(pending, error)
        except KafkaError as error:
            session.fail(pending, error)

    def assign_partition(self, topic: str, key: bytes) -> TopicPartition | None:
        """Find out where records go, and have it saved; None if their topic is missing."""
        partitions = self.state.partitions
        failures = 0
        while True:
            session = self.working()
            if topic in self.missing:
                return None
            try:
                with self._outage.attempt(self._connection.waits_for):
                    state = self._look_up(session, topic)
                    if state in MISSING or topic in self.missing.unread:
                        self._defer_topic(topic, state)
                        return None
                    if session.failure is not None:
                        continue
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
                    self.replace(isolated=session.isolated, settle=True)
                continue
            unsaved = partitions.is_new(partition, key)
            partitions.assign(partition, key, count, end)
            self.compaction.ask(topic, session.ask_cleanup_policy)
            self.state.touch([partition])
            self.state.must_save |= unsaved
            self._outage.end()
            return partition

    def identify(self) -> None:
        """Learn the id of the session's producer, which `dispatch` saves before it sends."""
        while self._identified is not self.current:
            session = self.working()
            try:
                if self._is_identified(session):
                    return
            except KafkaError as error:
                self._renew(session, error)

    def _is_identified(self, session: ProducerSession) -> bool:
        """Wait for the id of a session's producer. Return False if the session has failed.

        Raises:
            KafkaError: it gets none.
        """
        deadline = time.monotonic() + self._limits.connect_timeout_s
        while (producer_id := session.producer_id(CHECK_S)) is None:
            self._on_wait()
            if self._is_useless(session):
                return False
            if time.monotonic() >= deadline:
                raise KafkaTimeoutError("the brokers gave no producer id")
        if producer_id not in self.state.producers:
            self.state.producers.add(producer_id)
            self.state.must_save = True
        self._identified, self.producer_id = session, producer_id
        return True

    def _is_useless(self, session: ProducerSession) -> bool:
        refused = self._connection.client_log.credentials_refused
        return refused is not None or session.failure is not None

    def _look_up(self, session: ProducerSession, topic: str) -> type[KafkaError] | None:
        """Ask whether a topic exists: `NoError`, or why it cannot be used; None if no answer came.

        A broker that creates topics gets a moment for it.
        """
        error: type[KafkaError] | None = NoError
        if topic in session.topics:
            return error
        begun = time.monotonic()
        while True:
            lookup = session.look_up([topic])
            deadline = time.monotonic() + self._limits.connect_timeout_s
            while not lookup.wait(CHECK_S):
                self._on_wait()
                if self._is_useless(session) or time.monotonic() >= deadline:
                    return None
            error = lookup.errors.get(topic)
            unknown = error is UnknownTopicOrPartitionError
            if not unknown or time.monotonic() - begun >= self._limits.topic_missing_s:
                return error
            self._on_wait()
            time.sleep(CHECK_S)

    def _defer_topic(self, topic: str, error: type[KafkaError] | None) -> None:
        self.state.partitions.unassign(topic)
        self.missing.add(topic, error)

    def _recover(
        self, session: ProducerSession, pending: PendingRun | None, error: BaseException
    ) -> None:
        """Go on after the first error of a session."""
        kind = classify(error)
        if kind is ErrorKind.UNEXPECTED:
            raise SinkError(f"{self._name}: {describe(error)}") from error
        if kind is not ErrorKind.RECORD or pending is None:
            self._renew(session, error)
            return
        isolated = True
        if isinstance(error, InvalidTimestampError) and not pending.undated:
            # The clocks differ by more than the broker accepts: no reason to lose a message
            # that carries its date in its value, and the next ones would fare no better.
            isolated = False
            self.clock.note_refused(describe(error))
            for one in self._queue.waiting:
                one.undated = True
        elif session.isolated:
            pending.reject(describe(error))
        # The answer about the suspect's partition is here, and only one batch per partition is
        # in flight: a straggler is possible only if there are other partitions.
        partitions = {self.state.partitions.find(p.topic, p.key) for p in self._queue.waiting}
        self.replace(isolated=isolated, settle=len(partitions) > 1)

    def _renew(self, session: ProducerSession, error: BaseException) -> None:
        """Replace the session, after a pause, because of an error that only waiting cures."""
        session.abandon()
        self._connection.wait_after(error)
        self.replace(isolated=session.isolated, settle=True)

    def replace(self, *, isolated: bool, settle: bool) -> None:
        """Abandon the session; send what is not settled in a new one, in the old order."""
        connection, queue = self._connection, self._queue
        if self.current is not None:
            self.current.abandon()
        session = connection.until_done(lambda: connection.open_session(isolated=isolated))
        self.current = session
        arrived: ArrivedRecords = {}
        if queue.unsettled:
            arrived = connection.until_done(lambda: self.read_tails(settle=settle))
        queue.replace(
            [
                part
                for pending in queue.waiting
                for part in pending.parts(
                    arrived.get(pending.records[0].stream, ()), isolated=isolated
                )
            ]
        )
        unsettled = queue.unsettled
        if not unsettled or not self._prepare(session, unsettled):
            return
        for pending in unsettled:
            partition = self.state.partitions.find(pending.topic, pending.key)
            if partition is None:
                partition = self.assign_partition(pending.topic, pending.key)
            if self.current is not session or session.failure is not None:
                return  # replaced meanwhile, and all sent; or about to be
            if partition is None:
                pending.defer()
            else:
                self.dispatch(pending, partition)

    def _prepare(self, session: ProducerSession, unsettled: Sequence[PendingRun]) -> bool:
        """Get what a session needs before it sends again. Return False if it has failed.

        That is the metadata of all topics that are there, and the id of its producer for them: once
        it has failed no answer comes, and who asks waits for the whole timeout.
        """
        topics = dict.fromkeys(pending.topic for pending in unsettled)
        for topic in topics:
            if topic in self.missing:
                continue
            state = self._look_up(session, topic)
            if state in MISSING or topic in self.missing.unread:
                self._defer_topic(topic, state)
        present = [topic for topic in topics if topic not in self.missing]
        if not present:
            return True
        try:
            if not self._is_identified(session):
                return False
        except KafkaError as error:
            session.fail(None, error)
            return False
        for topic in present:
            try:
                session.partition_count(topic)
            except KafkaError as error:
                session.fail(next(p for p in unsettled if p.topic == topic), error)
                return False
        return True
