"""``/api/events``: what changes, as server-sent events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import falcon

from dubhe_simulator.contract.json_safe import to_bytes
from dubhe_simulator.errors import Refused
from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.platform.state.change_feed import ChangeFeed
from dubhe_simulator.web.api.params import whole
from dubhe_simulator.web.api.state import state_view

EVERY_S = 0.2  # for each object
KEEPALIVE_S = 10.0
PAGES = 40  # each takes a thread of the server


class EventsResource:
    """GET /api/events."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._views: dict[str, Callable[[str], Any]] = {
            "instance": platform.instance_view,
            "run": lambda number: platform.run_view(int(number)),
            "source": lambda _: platform.source_view(),
            "algorithm": lambda _: platform.factory.view(),
            "workflow": lambda _: platform.workflow.view,
            "log": lambda name: {"instance": name},
            "messages": lambda _: {"total": platform.registry.stored},
            "sends": lambda _: {"total": platform.registry.total_sends},
        }

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Stream what changes after a cursor."""
        last = req.get_header("Last-Event-ID") or ""
        cursor = int(last) if last.isdecimal() and len(last) < 17 else whole(req, "after", 0)
        stream = _Stream(self._platform.change_feed, self._produce(cursor or 0))
        resp.content_type = "text/event-stream; charset=utf-8"
        resp.set_header("X-Accel-Buffering", "no")
        resp.stream = stream

    def _produce(self, cursor: int) -> Iterator[bytes]:
        change_feed = self._platform.change_feed
        yield b"retry: 1000\n\n"
        if not change_feed.is_known_cursor(cursor):
            state = state_view(self._platform)
            cursor = state["cursor"]
            yield _event("state", cursor, state)
        keepalive_at = time.monotonic() + KEEPALIVE_S
        while not change_feed.closed:
            begun = time.monotonic()
            cursor, subjects = change_feed.since(cursor, max(0.0, keepalive_at - begun))
            pieces = [self._event(kind, name, cursor) for kind, name in subjects]
            if time.monotonic() >= keepalive_at:
                pieces.append(b": beat\n\n")
                keepalive_at = time.monotonic() + KEEPALIVE_S
            if any(pieces):
                yield b"".join(pieces)
            change_feed.pause(EVERY_S)

    def _event(self, kind: str, name: str, cursor: int) -> bytes:
        data = self._views[kind](name)
        if data is None and kind == "instance":
            return _event("forgotten", cursor, {"instance": name})
        if data is None and kind == "run":
            return _event("deleted", cursor, {"run": int(name)})
        return b"" if data is None else _event(kind, cursor, data)


class _Stream:
    """Counts as an open page until the server closes it."""

    def __init__(self, change_feed: ChangeFeed, pieces: Iterator[bytes]) -> None:
        if change_feed.listen(+1) > PAGES:
            change_feed.listen(-1)
            raise Refused(f"{PAGES} pages are open already: close one", 503)
        self._change_feed = change_feed
        self._pieces = pieces
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def close(self) -> None:
        """The page is gone."""
        if self._open:
            self._open = False
            self._change_feed.listen(-1)


def _event(kind: str, cursor: int, data: Any) -> bytes:
    head = f"event: {kind}\nid: {cursor}\ndata: ".encode()
    return head + to_bytes(data) + b"\n\n"
