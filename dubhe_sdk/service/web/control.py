"""`Control`: the web front's end of the socket to the service parent.

The parent pushes its state and answers start requests; the web front asks for starts and
reports when it serves. Frames of `dubhe_sdk.contract.framing`, JSON objects with an ``op``.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
from collections.abc import Callable
from typing import Any

import gevent
from gevent import socket
from gevent.event import AsyncResult, Event
from gevent.lock import BoundedSemaphore

from dubhe_sdk.contract.framing import FrameReader, pack
from dubhe_sdk.contract.requests import RequestType
from dubhe_sdk.service.state import ServiceState, StartReply
from dubhe_sdk.service.watchdog import KEEPALIVE_INTERVAL_SECONDS

_log = logging.getLogger(__name__)

_LIMIT = 2**32 - 1

# The parent answers in milliseconds. If it does not, the client gets a refusal instead of waiting.
_REPLY_TIMEOUT_SECONDS = 30.0


class Control:
    """Holds the state last pushed, and asks the parent.

    Args:
        sock: connected to the parent.
        on_state: called with each state the parent pushes.
        on_end: called once, when the parent has closed its end or is gone.
        describe: returns the figures of inferences, which go with each keepalive.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_state: Callable[[ServiceState], None],
        on_end: Callable[[], None],
        describe: Callable[[], dict[str, Any]],
    ) -> None:
        self._sock = sock
        self._on_state = on_state
        self._on_end = on_end
        self._describe = describe
        self._state: ServiceState | None = None
        self.has_state = Event()
        self._sending = BoundedSemaphore(1)  # a long frame is sent in several steps
        self._replies: dict[int, AsyncResult] = {}
        self._ids = itertools.count(1)
        self._reader = gevent.spawn(self._read)

    @property
    def state(self) -> ServiceState:
        """The state last pushed; wait for `has_state` first."""
        assert self._state is not None
        return self._state

    def report_serving(self) -> None:
        """Report to the parent that requests are accepted, and send keepalives from now on."""
        self._send({"op": "serving"})
        gevent.spawn(self._send_keepalives)

    def _send_keepalives(self) -> None:
        with contextlib.suppress(OSError):  # the parent is gone, which `_read` sees too
            while True:
                gevent.sleep(KEEPALIVE_INTERVAL_SECONDS)
                self._send({"op": "alive", "inferences": self._describe()})

    def start_task(self, type_: RequestType, request: dict[str, Any]) -> StartReply:
        """Ask the parent to start a task; wait for its reply."""
        number = next(self._ids)
        answer = self._replies[number] = AsyncResult()
        try:
            self._send({"op": "start", "id": number, "type": int(type_), "request": request})
            return StartReply(answer.get(timeout=_REPLY_TIMEOUT_SECONDS))
        except gevent.Timeout:
            _log.error("the service parent has not answered for %g s", _REPLY_TIMEOUT_SECONDS)
        except OSError as error:
            _log.warning("the service parent cannot be asked: %s", error)
        finally:
            del self._replies[number]
        return StartReply.UNAVAILABLE

    def _send(self, message: dict[str, Any]) -> None:
        frame = pack(json.dumps(message).encode())
        with self._sending:
            self._sock.sendall(frame)

    def _read(self) -> None:
        reader = FrameReader(self._sock, _LIMIT)
        try:
            while (frame := reader.read()) is not None:
                self._on_message(json.loads(frame))
        except OSError as error:
            _log.warning("the socket to the service parent broke: %s", error)
        finally:
            self._on_end()

    def _on_message(self, message: dict[str, Any]) -> None:
        if message["op"] == "state":
            self._state = ServiceState.from_json(message["state"])
            self._on_state(self._state)
            self.has_state.set()
        elif message["op"] == "start_reply":
            answer = self._replies.get(message["id"])
            if answer is not None:  # else: it came too late
                answer.set(message["reply"])
        else:
            _log.warning("the service parent sent an unknown message: %s", message["op"])
