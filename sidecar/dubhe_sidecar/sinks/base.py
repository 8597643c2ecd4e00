"""The interface between the sidecar and the destination it delivers to.

A sink is driven by one thread in one loop::

    sink.connect()                        # now sink.destination is complete
    sink.open(state, undelivered=True, save=lambda state: cursor.save(positions, state))
    already = sink.delivered              # what a previous run had delivered unnoticed
    sink.send(records); sink.send(records)  # hands over, in order
    for outcome in sink.collect(0.1): ... # outcomes, in the order of sending
    cursor.save(positions, sink.state())  # both are written in one step
    if sink.may_resume(): sink.resume()   # what was deferred may be handed over again
    sink.close()

Whatever a sink cannot explain it raises as `SinkError`. The sidecar is crash-only: it exits,
is started again, and resumes from the cursor, so a sink never repairs itself half-way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, Protocol

from dubhe_sdk.spool.destination import Destination
from dubhe_sidecar.record import OutgoingRecord


class OutageCode(str, Enum):
    """Why nothing is delivered, as a label of metrics: few and bounded."""

    AUTHENTICATION = "authentication"
    TLS = "tls"
    AUTHORIZATION = "authorization"
    TOPIC = "topic"
    REPLICAS = "replicas"
    NAME = "name"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    ADVERTISED = "advertised"
    PROTOCOL = "protocol"
    THROTTLED = "throttled"
    CLUSTER = "cluster"
    DISK = "disk"
    RECOVERY = "recovery"
    OTHER = "other"


class SinkError(Exception):
    """The sink cannot go on. The text names what was found and what to do.

    Args:
        text: of the error.
        code: what kind of reason it is.
    """

    def __init__(self, text: str, code: OutageCode = OutageCode.OTHER) -> None:
        super().__init__(text)
        self.code = code


class OutageReason(NamedTuple):
    """Why nothing is delivered: a code for machines and a text for people."""

    code: OutageCode
    text: str


class WarningCode(str, Enum):
    """What endangers or slows delivery that works, as a label of metrics: few and bounded."""

    COMPACTED_TOPIC = "compacted_topic"
    THROTTLED = "throttled"
    CLOCK = "clock"


class DeliveryWarning(NamedTuple):
    """What endangers or slows delivery that works: a code and a text for people."""

    code: WarningCode
    text: str


class DeliveryOutcome(NamedTuple):
    """What became of records that were handed over together, of all or of some in a row."""

    records: Sequence[OutgoingRecord]
    rejected: str | None
    """Why the destination permanently refuses each of these very records (too large, invalid);
    None if it does not."""
    deferred: bool = False
    """Neither delivered nor refused: their topic does not exist at present. They are to stay in the
    spool, and so is all that goes to that topic, until `Sink.resume`."""


class Sink(Protocol):
    """A destination of records. The module's docstring shows the order of calls."""

    name: str
    """What `dubhe status` shows, for example ``kafka 10.0.0.5:9092``. Holds no secret."""

    on_wait: Callable[[], None]
    """Set by the owner. Called again and again while the sink waits for its destination; may raise,
    and the sink is then only good for `close`."""

    @property
    def destination(self) -> Destination:
        """Where it delivers to. Before the first `connect`, a Kafka cluster's id is unknown."""

    @property
    def delivered(self) -> Mapping[str, frozenset[int]]:
        """After `open`: per stream, sequence numbers beyond the cursor that had already arrived."""

    @property
    def outage(self) -> OutageReason | None:
        """Why nothing is delivered at present, and since when; None while delivery works.

        May be read from another thread.
        """

    @property
    def warnings(self) -> Sequence[DeliveryWarning]:
        """What endangers or slows delivery, though it works. May be read from another thread."""

    @property
    def retries(self) -> int:
        """Number of failed attempts to reach the destination since this process started.

        May be read from another thread.
        """

    def connect(self) -> None:
        """Reach the destination, waiting as long as it takes; also after a `close`.

        Raises:
            SinkError: the sink cannot go on.
        """

    def open(
        self,
        state: Mapping[str, Any] | None,
        *,
        undelivered: bool,
        save: Callable[[dict[str, Any]], None],
    ) -> None:
        """Find out what had already arrived, waiting as long as it takes.

        Args:
            state: what `state` returned for this destination when the cursor was last saved; None
                at the first start.
            undelivered: whether the spool holds records past the cursor. If not, nothing can
                have arrived unnoticed and the search for it is left out.
            save: writes a state to disk, with the positions of the outcomes collected so far.
                A sink calls it before it delivers to a partition or file for the first time, or
                as a new producer: what must be searched after a crash, and for whom, has to be
                known before anything can arrive there.

        Raises:
            SinkError: the sink cannot go on.
        """

    def forget_delivered(self) -> None:
        """All of `delivered` has been passed, and the positions are about to be saved."""

    def advance(self) -> bool:
        """Look from time to time, while nothing is in flight, how far the destination has grown.

        A search after a crash then begins there. Costs nothing when it is not due. Returns whether
        `state` has changed by it, and is to be saved.
        """

    def may_resume(self) -> bool:
        """Return whether records that were deferred may be handed over again.

        Looks from time to time, without waiting for an answer; costs nothing when it is not due or
        nothing was deferred.

        Raises:
            SinkError: the sink cannot go on.
        """

    def resume(self) -> None:
        """Take again what was deferred, waiting for the destination if need be.

        Only while nothing is in flight. `delivered` then also names those of the deferred records
        that had arrived all the same: their answer was lost, and the topic was away afterwards.

        Raises:
            SinkError: the sink cannot go on.
        """

    def send(self, records: Sequence[OutgoingRecord]) -> None:
        """Hand over records of one stream, topic and key, one at least.

        May wait while too much is in flight, as long as it takes.

        Outcomes that become known meanwhile are kept for `collect`, so call that regularly.

        Raises:
            SinkError: the sink cannot go on.
        """

    def collect(self, timeout: float) -> Sequence[DeliveryOutcome]:
        """Return outcomes that are known, in the order of sending.

        Waits up to ``timeout`` seconds for the first one; returns an empty sequence if none
        came or nothing is in flight.

        Raises:
            SinkError: the sink cannot go on.
        """

    @property
    def in_flight(self) -> int:
        """Records handed over whose outcome has not been collected."""

    def state(self) -> dict[str, Any]:
        """JSON-serialisable state that belongs to all outcomes collected so far."""

    def close(self) -> None:
        """Release connections and files. Records in flight are abandoned."""
