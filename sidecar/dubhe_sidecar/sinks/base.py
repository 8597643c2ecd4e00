"""The interface between the sidecar and the place it delivers to.

A sink is driven by one thread in one loop::

    sink.open(state, undelivered=True, save=lambda state: cursor.save(positions, state))
    already = sink.delivered              # what a previous run had delivered unnoticed
    sink.send(record); sink.send(record)  # hands over, in order
    for outcome in sink.collect(0.1): ... # tells, in the order of sending, what became of them
    cursor.save(positions, sink.state())  # both are written in one step
    sink.close()

Whatever a sink cannot explain it raises as `SinkError`. The sidecar is crash-only: it exits,
is started again, and resumes from the cursor, so a sink never repairs itself half-way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from dubhe_sidecar.record import Record


class SinkError(Exception):
    """The sink cannot go on. The text says what was found and what to do."""


class SinkInterrupted(SinkError):
    """Waiting was ended by `Sink.interrupt`. Only `Sink.close` may follow."""


class Outcome(NamedTuple):
    """What became of a record.

    ``rejected`` is None when it was delivered, otherwise the reason why the destination
    refuses this very record for ever (too large, invalid).
    """

    record: Record
    rejected: str | None


class Sink(Protocol):
    """A destination of records. See the module's text for the order of calls."""

    name: str
    """What `dubhe status` shows, for example ``kafka 10.0.0.5:9092``. Holds no secret."""

    delivered: Mapping[str, frozenset[int]]
    """After `open`: per stream, sequence numbers beyond the cursor that had already arrived."""

    @property
    def last_error(self) -> str | None:
        """Why nothing is delivered at present, since when, in words; None while all is well.

        May be read from another thread.
        """

    @property
    def retries(self) -> int:
        """How often the destination was tried again in vain, since this process began.

        May be read from another thread.
        """

    def open(
        self,
        state: Mapping[str, Any] | None,
        *,
        undelivered: bool,
        save: Callable[[dict[str, Any]], None],
    ) -> None:
        """Connect, waiting as long as it takes, and learn what had already arrived.

        Args:
            state: what `state` returned when the cursor was last saved; None at the first start.
            undelivered: whether the spool holds records past the cursor. If not, nothing can
                have arrived unnoticed and the search for it is left out.
            save: writes a state to disk, with the positions of the outcomes collected so far.
                A sink calls it, from within `send`, before it delivers to a place for the first
                time: what must be searched after a crash has to be known before anything can
                arrive there.

        Raises:
            SinkError: the sink cannot go on.
        """

    def send(self, record: Record) -> None:
        """Hand over one record. May wait while too much is in flight, as long as it takes.

        Outcomes that become known meanwhile are kept for `collect`, so call that regularly.

        Raises:
            SinkError: the sink cannot go on.
        """

    def collect(self, timeout: float) -> Sequence[Outcome]:
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

    def interrupt(self) -> None:
        """Make `open`, `send` or `collect` give up waiting soon, with `SinkInterrupted`.

        May be called from a signal handler or another thread.
        """

    def close(self) -> None:
        """Let go of connections and files. Records in flight may be abandoned."""
