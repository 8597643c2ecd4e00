"""Asks an instance every few seconds whether it lives, as the platform does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dubhe_sdk.contract.requests import FLAG_OK
from dubhe_simulator.client.base import Client, NoAnswer
from dubhe_simulator.contract import payloads

EVERY_S = 3.0
TIMEOUT_S = 5.0


class HeartbeatMonitor:
    """Sends heartbeats from a thread of its own, so that a slow answer delays nothing else.

    Args:
        client: for its use alone; it is closed with the monitor.
        instance_id: whom to ask.
        changed: called on that thread with the first outcome and with every other one:
            ``changed(alive, detail)``.
        every: seconds between two heartbeats.
    """

    def __init__(
        self,
        client: Client,
        instance_id: str,
        changed: Callable[[bool, str], None],
        every: float = EVERY_S,
    ) -> None:
        self._client = client
        self._body = payloads.heartbeat(instance_id)
        self._changed = changed
        self._every = every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self.sent = 0
        self.lost = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it; a heartbeat under way is not waited for."""
        self._end.set()

    def _run(self) -> None:
        published: tuple[bool, str] | None = None
        while not self._end.is_set():
            problem = self._ask()
            if self._end.is_set():
                break  # the instance is being stopped: no answer is no news
            self.sent += 1
            self.lost += problem is not None
            outcome = (problem is None, problem or "")
            if outcome != published:
                published = outcome
                self._changed(*outcome)
            # All monitors at the same moments: the processor's caches are warm for all but one.
            self._end.wait(self._every - time.monotonic() % self._every)
        self._client.close()

    def _ask(self) -> str | None:
        """Send one heartbeat; return None if it was answered well, else what happened."""
        try:
            reply = self._client.request(self._body, TIMEOUT_S)
        except NoAnswer as error:
            return str(error)
        return None if reply.get("flag") == FLAG_OK else str(reply.get("message", reply))
