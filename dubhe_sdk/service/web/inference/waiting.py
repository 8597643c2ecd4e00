"""`WaitingLine`: the inferences that wait for their turn, in the order of arrival."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Sequence
from time import monotonic

from gevent.event import AsyncResult

from dubhe_sdk.ipc.shared_body import SharedBody
from dubhe_sdk.service.web.client import Client
from dubhe_sdk.service.web.counted_log import CountedLog
from dubhe_sdk.service.web.inference.errors import ClientGone
from dubhe_sdk.service.web.inference.figures import InferenceFigures

_log = logging.getLogger(__name__)

_GONE = "the client closed the connection while its request waited; it was not run"


class Waiter:
    """A request that waits.

    Args:
        body: the request's JSON.
        client: who has sent it, if that can be told.
        first: whether it goes ahead of all others: it had a turn already.
    """

    __slots__ = ("arrival", "body", "client", "reply", "since", "slot")

    _arrivals = itertools.count(1)

    def __init__(
        self, body: bytes | SharedBody, client: Client | None, *, first: bool = False
    ) -> None:
        self.body = body
        self.client = client
        self.arrival = 0 if first else next(self._arrivals)
        self.begin()

    def begin(self) -> None:
        """Begin to wait; also for a second turn."""
        self.since = monotonic()
        self.slot = AsyncResult()  # what runs it, once it is its turn
        self.reply = AsyncResult()  # its result, if it is run together with others

    @property
    def goes_first(self) -> bool:
        """Whether it goes ahead of all others."""
        return self.arrival == 0

    def has_gone(self) -> bool:
        """Return whether nobody would take the reply."""
        return self.client is not None and self.client.has_gone()


class WaitingLine(deque[Waiter]):
    """Waiters, the one that is next first. Those whose client has gone are dropped when their turn
    comes.

    Args:
        figures: where those are counted.
    """

    def __init__(self, figures: InferenceFigures) -> None:
        super().__init__()
        self._figures = figures
        self._gone = CountedLog(_log, "inferences that were not run, since their client had gone")

    def size(self, most: int) -> int:
        """Return how many bytes the requests of the first ``most`` have."""
        return sum(len(waiter.body) for waiter in itertools.islice(self, most))

    def add(self, waiter: Waiter) -> None:
        """Put one where its arrival belongs: at the end, unless it has had a turn already."""
        place = len(self)
        while place and self[place - 1].arrival > waiter.arrival:
            place -= 1
        self.insert(place, waiter)

    def pop_living(self, most: int) -> list[Waiter]:
        """Take up to ``most`` away whose clients are there; drop those before them that are not."""
        living: list[Waiter] = []
        while self and len(living) < most:
            waiter = self.popleft()
            if waiter.has_gone():
                self._drop(waiter)
            else:
                living.append(waiter)
        return living

    def put_back(self, waiters: Sequence[Waiter]) -> None:
        """Let those wait on that `pop_living` has returned."""
        self.extendleft(reversed(waiters))

    def drop_gone(self) -> None:
        """Drop all whose client has gone."""
        for waiter in [one for one in self if one.has_gone()]:
            self.remove(waiter)
            self._drop(waiter)

    def _drop(self, waiter: Waiter) -> None:
        self._figures.abandoned += 1
        self._gone.add(f"of {len(waiter.body)} bytes")
        waiter.slot.set_exception(ClientGone(_GONE))
