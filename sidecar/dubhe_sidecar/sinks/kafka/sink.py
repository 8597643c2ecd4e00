"""The Kafka sink: records in, outcomes out, in order, whatever the cluster does.

Records wait in ``_flights`` in the order of sending until their turn comes: an outcome is told
when it and all before it are known. kafka-python repeats requests by itself, under the same
sequence number, for as long as a line lives. Whatever else goes wrong has one answer: the line
is thrown away as a whole, the cluster waited for as at the start, the tails of our partitions
read, and every record that is neither settled nor found there is sent again in the old order.
Nothing is mended half-way. The reasons for it are

- an error that only waiting cures (permission, credentials, a missing topic);
- no answer at all for `Limits.stall_s`;
- a record that the broker refuses for itself. Which one is not to be believed from a shared
  batch, so all that is in flight goes again on a *careful* line, one record to a batch; there the
  first error is about its own record, which is rejected, and the others arrive.

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
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    SaslAuthenticationFailedError,
    UnknownTopicOrPartitionError,
)
from kafka.structs import TopicPartition

from dubhe_sidecar.record import Record
from dubhe_sidecar.sinks.base import Outcome, SinkError
from dubhe_sidecar.sinks.kafka.diagnostics.outage import Trouble
from dubhe_sidecar.sinks.kafka.errors import Fault, fault, words
from dubhe_sidecar.sinks.kafka.limits import Limits
from dubhe_sidecar.sinks.kafka.producer.pending import Flight
from dubhe_sidecar.sinks.kafka.producer.session import Line
from dubhe_sidecar.sinks.kafka.recovery.connection import SLICE_S, Connection
from dubhe_sidecar.sinks.kafka.recovery.partitions import Places
from dubhe_sidecar.sinks.kafka.recovery.tail import Arrived
from dubhe_sidecar.sinks.kafka.settings import KafkaSettings

logger = logging.getLogger("dubhe_sidecar")

OVERHEAD_BYTES = 500  # what a record in flight holds beside its value and key
CLOSE_S = 2.0
FRESH_AFTER = 3  # vain questions about a topic until a fresh producer asks


class KafkaSink:
    """Delivers to Kafka. See `dubhe_sidecar.sinks.base.Sink` for the order of calls.

    Args:
        settings: how to reach the cluster.
        limits: times and sizes.
    """

    def __init__(self, settings: KafkaSettings, limits: Limits | None = None) -> None:
        self.name = f"kafka {settings.names}"
        self.delivered: Mapping[str, frozenset[int]] = {}
        self._limits = limits or Limits()
        self._trouble = Trouble(self.name)
        self._connection = Connection(settings, self._limits, self._trouble)
        self._places = Places()
        self._save: Callable[[dict[str, Any]], None] = _nowhere
        self._line: Line | None = None
        self._flights: deque[Flight] = deque()  # not settled, or behind one that is not
        self._settled: deque[Flight] = deque()  # settled, to be collected
        self._bytes = 0  # of _flights
        self._progress = time.monotonic()

    @property
    def last_error(self) -> str | None:
        """Why nothing is delivered at present."""
        return self._trouble.text

    @property
    def retries(self) -> int:
        """How often the cluster was tried again in vain."""
        return self._trouble.retries

    @property
    def in_flight(self) -> int:
        """Records handed over whose outcome has not been collected."""
        return len(self._flights) + len(self._settled)

    def open(
        self,
        state: Mapping[str, Any] | None,
        *,
        undelivered: bool,
        save: Callable[[dict[str, Any]], None],
    ) -> None:
        """Wait for the cluster, and read the tails if something may have arrived unnoticed."""
        self._places = Places(state)
        self._save = save
        self._connection.listener.install()
        self._line = self._connection.until_done(self._connection.line)
        if undelivered and self._places.offsets:
            arrived = self._connection.until_done(lambda: self._arrived(settle=True))
            self.delivered = {writer: frozenset(numbers) for writer, numbers in arrived.items()}
        self._trouble.over()

    def send(self, record: Record) -> None:
        """Hand over one record; wait while too much is in flight."""
        line = self._line
        if line is None or line.failure is not None:
            line = self._working_line()
        if record.topic not in line.topics:
            while self._flights:
                self._wait(SLICE_S)
        place = self._places.find(record.topic, record.key)
        if place is None:
            place = self._settle_place(record)
            line = self._working_line()
        size = len(record.value) + len(record.key) + OVERHEAD_BYTES
        flights, limits = self._flights, self._limits
        while flights and (
            len(flights) >= limits.in_flight_records
            or self._bytes + size > limits.in_flight_bytes
            or line.careful  # only what is suspect goes on a careful line
        ):
            self._wait(SLICE_S)
            line = self._working_line()
        if not flights:
            self._progress = time.monotonic()
            if self._working_line().careful:  # nothing suspect is left
                self._replace(careful=False, settle=False)
        flight = Flight(record, size)
        flights.append(flight)
        self._bytes += size
        self._dispatch(flight, place)

    def collect(self, timeout: float) -> Sequence[Outcome]:
        """Return outcomes in the order of sending."""
        self._reap()
        self._working_line()
        if self._flights and not self._settled:
            self._wait(timeout)
        settled, offsets = self._settled, self._places.offsets
        outcomes = []
        while settled:
            flight = settled.popleft()
            behind = flight.offset_behind
            if behind is not None:
                offsets[behind[0]] = behind[1]
            outcomes.append(Outcome(flight.record, flight.rejected))
        return outcomes

    def state(self) -> dict[str, Any]:
        """Return what `open` takes."""
        return self._places.state()

    def interrupt(self) -> None:
        """Make waiting end soon. A plain assignment: safe in a signal handler."""
        self._connection.interrupted = True

    def close(self) -> None:
        """Let go of connections; what is in flight is abandoned."""
        line, self._line = self._line, None
        if line is not None:
            if self._flights:
                line.abandon()
            else:
                line.close(CLOSE_S)
        self._connection.listener.remove()

    def _dispatch(self, flight: Flight, place: TopicPartition) -> None:
        """Put a record on the line. A line that does not take it has failed."""
        line = self._line
        assert line is not None
        try:
            line.send(flight, place)
        except MessageSizeTooLargeError as error:  # refused here, before anything was sent
            flight.rejected = words(error)
            flight.settled()
        except UnknownTopicOrPartitionError as error:
            self._places.forget(place.topic)  # made anew with fewer partitions
            line.fail(flight, error)
        except KafkaError as error:
            line.fail(flight, error)

    def _wait(self, timeout: float) -> None:
        """Wait until something is settled, and keep the line working meanwhile."""
        deadline = time.monotonic() + timeout
        while self._flights:
            left = deadline - time.monotonic()
            self._flights[0].wait(max(0.0, min(left, SLICE_S)))
            if self._reap() or left <= 0:
                return
            self._connection.check()
            self._working_line()

    def _reap(self) -> bool:
        """Move what is settled, from the front, to where it is collected."""
        flights, settled = self._flights, self._settled
        before = len(settled)
        while flights:
            flight = flights[0]
            if not flight.is_settled:
                break
            settled.append(flights.popleft())
            self._bytes -= flight.size
        if len(settled) == before:
            return False
        self._progress = time.monotonic()
        self._connection.succeeded()
        self._trouble.over()
        return True

    def _settle_place(self, record: Record) -> TopicPartition:
        """Find out where a record goes, waiting for its topic to exist, and have it saved."""
        topic, key, places = record.topic, record.key, self._places
        failures = 0
        while True:
            self._connection.check()
            line = self._working_line()
            try:
                partitions = line.partitions(topic)
                place = places.choose(topic, key, partitions)
                end = None
                if place not in places.offsets:
                    with self._connection.reader() as reader:
                        end = reader.end(place)
            except (KafkaError, OSError) as error:
                self._connection.failed(error)
                failures += 1
                if failures % FRESH_AFTER == 0:
                    self._replace(careful=line.careful, settle=True)
                continue
            unsaved = places.is_new(place, key)
            places.settle(place, key, partitions, end)
            if unsaved:
                self._save(places.state())
            self._trouble.over()
            return place

    def _arrived(self, *, settle: bool) -> Arrived:
        with self._connection.reader() as reader:
            return reader.arrived(self._places.offsets, self._places.keys, settle=settle)

    def _working_line(self) -> Line:
        """Return the line, after it was replaced if it has failed or answers no more."""
        line, refused = self._line, self._connection.listener.refused
        if line is None:
            raise SinkError("the Kafka sink is not open")
        if line.failure is not None:
            self._recover(line, *line.failure)
        elif refused is not None:
            # kafka-python would try again and again, ten times a second.
            self._renew(line, SaslAuthenticationFailedError(refused))
        elif self._flights:
            silence = time.monotonic() - self._progress
            if silence > self._limits.stall_s:
                self._renew(line, KafkaTimeoutError(f"no answer for {silence:.0f} s"))
            elif silence > self._limits.patience_s:
                self._trouble.note(self._connection.listener.reason or "no answer")
        assert self._line is not None
        return self._line

    def _recover(self, line: Line, flight: Flight | None, error: BaseException) -> None:
        """Go on after the first error of a line."""
        kind = fault(error)
        if kind is Fault.UNEXPLAINED:
            raise SinkError(f"{self.name}: {words(error)}") from error
        if kind is not Fault.RECORD or flight is None:
            self._renew(line, error)
            return
        if line.careful and isinstance(error, InvalidTimestampError) and not flight.undated:
            # The clocks differ by more than the broker accepts: no reason to lose a message
            # that carries its date in its value.
            flight.undated = True
            logger.warning("%s: sending without a timestamp: %s", self.name, words(error))
        elif line.careful:
            flight.rejected = words(error)
            flight.settled()
        # The answer about the suspect's partition is here, and only one batch per partition is
        # on its way: a straggler is possible only if others are in flight.
        places = {self._places.find(f.record.topic, f.record.key) for f in self._flights}
        self._replace(careful=True, settle=len(places) > 1)

    def _renew(self, line: Line, error: BaseException) -> None:
        """Begin anew, after a pause, because of an error that only waiting cures."""
        line.abandon()
        self._connection.failed(error)
        self._replace(careful=line.careful, settle=True)

    def _replace(self, *, careful: bool, settle: bool) -> None:
        """Throw the line away, and send what is not settled on a new one, in the old order."""
        connection = self._connection
        if self._line is not None:
            self._line.abandon()
        line = connection.until_done(lambda: connection.line(careful=careful))
        self._line = line
        waiting = [flight for flight in self._flights if not flight.is_settled]
        arrived: Arrived = {}
        if waiting:
            arrived = connection.until_done(lambda: self._arrived(settle=settle))
        self._progress = time.monotonic()
        if not _teach_topics(line, waiting):
            return
        for flight in waiting:
            record = flight.record
            if record.seq in arrived.get(record.stream, ()):
                flight.settled()
                continue
            place = self._places.find(record.topic, record.key) or self._settle_place(record)
            if self._line is not line or line.failure is not None:
                return  # replaced meanwhile, and all sent; or about to be
            self._dispatch(flight, place)


def _teach_topics(line: Line, flights: Sequence[Flight]) -> bool:
    """Have a line know the topics of all that is to go on it. Return whether it does."""
    for flight in flights:
        if flight.record.topic not in line.topics:
            try:
                line.partitions(flight.record.topic)
            except KafkaError as error:
                line.fail(flight, error)
                return False
    return True


def _nowhere(_: dict[str, Any]) -> None:
    raise SinkError("the Kafka sink is not open")
