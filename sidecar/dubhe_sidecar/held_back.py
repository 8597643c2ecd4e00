"""`HeldBack`: what stays in the spool while its topic does not exist, and what must wait for it.

Problem
    One topic of an instance may be missing for hours: nobody has created it yet, or it was deleted.
    Only what must come after its records may wait for it. Memory must not grow meanwhile, and a
    sidecar that is killed at any moment may neither lose nor repeat anything.

Mechanism
    The sink *defers* records of such a topic (`DeliveryOutcome.deferred`), and the drain forgets
    them: they wait in the spool. From then on a record of the same instance is held back too if

    1. it goes to a topic of which an earlier one of the instance is held back;
    2. it is READY, START or END, and anything of the instance is held back: END is a task's last
       message, and the next run begins after it;
    3. a READY, START or END of the instance is held back: what belongs to a task comes after its
       START.

    Everything else is delivered. The position of a stream stays before its first record that is
    held back; what was delivered behind it is noted in the cursor as one number per topic
    (`StreamCursor.ahead`). When the sink may resume, the drain waits until nothing is in flight,
    sets the readers of all such streams back to their positions, and reads on from there, as a new
    process would.

Safety
    By rule 1 the records of a stream that go to one topic are delivered in their order, so one
    number per topic says exactly which of them are delivered. Numbers, positions and the sink's
    state are saved in one step, so a new process finds behind them only what was in flight, which
    the sink recognises as ever. That a topic's absence also hides what had arrived in it is the
    sink's concern (`Sink.resume`).
"""

from __future__ import annotations

from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.record import OutgoingRecord

_BY_THE_SERVICE = frozenset((int(Kind.READY), int(Kind.START), int(Kind.END)))


class HeldBack:
    """Which records are held back, by instance (`OutgoingRecord.key`), topic and stream."""

    def __init__(self) -> None:
        self._topics: dict[bytes, set[str]] = {}
        self._closed: set[bytes] = set()  # instances of which a message of the service is held back
        self._first: dict[str, int] = {}  # per stream, the number of the first one

    def __bool__(self) -> bool:
        return bool(self._topics)

    @property
    def streams(self) -> list[str]:
        """The streams of which something is held back."""
        return list(self._first)

    def must_wait(self, record: OutgoingRecord) -> bool:
        """Return whether a record is to be held back because of earlier ones."""
        topics = self._topics.get(record.key)
        return topics is not None and (
            record.topic in topics or record.key in self._closed or record.kind in _BY_THE_SERVICE
        )

    def add(self, record: OutgoingRecord) -> None:
        """Hold a record back; those that follow it in what was handed over together go with it."""
        self._topics.setdefault(record.key, set()).add(record.topic)
        if record.kind in _BY_THE_SERVICE:
            self._closed.add(record.key)
        self._first.setdefault(record.stream, record.seq)

    def has_instance(self, key: bytes) -> bool:
        """Return whether anything of an instance is held back."""
        return key in self._topics

    def has_topic(self, key: bytes, topic: str) -> bool:
        """Return whether anything that an instance sends to a topic is held back."""
        return topic in self._topics.get(key, ())

    def has_stream(self, stream: str) -> bool:
        """Return whether anything of a stream is held back."""
        return stream in self._first

    def is_behind(self, record: OutgoingRecord) -> bool:
        """Return whether a record lies behind one of its stream that is held back."""
        first = self._first.get(record.stream)
        return first is not None and record.seq > first

    def clear(self) -> None:
        """Nothing is held back any more: all of it is read again."""
        self._topics.clear()
        self._closed.clear()
        self._first.clear()
