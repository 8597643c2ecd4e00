"""`WebFront`: the web front's process: started, watched, started again, stopped."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from typing import Any

from dubhe_sdk.process import tree
from dubhe_sdk.process.command import CANNOT_START
from dubhe_sdk.service.children import Child, restart_backoff
from dubhe_sdk.service.loop import Loop
from dubhe_sdk.service.state import ServiceState
from dubhe_sdk.service.watchdog import KEEPALIVE_INTERVAL_SECONDS, Watchdog

ATTEMPTS = 5  # a web front that never served is broken, not unlucky


class WebFront:
    """The one web front of a service.

    Args:
        loop: the parent's event loop.
        log: the SDK's logger.
        start: starts the process.
        on_message: called with each message from it.
        on_death: called after its death with a description of how it ended.
    """

    def __init__(
        self,
        loop: Loop,
        log: logging.Logger,
        start: Callable[[], Child],
        on_message: Callable[[dict[str, Any]], None],
        on_death: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._log = log
        self._start = start
        self._on_message = on_message
        self._on_death = on_death
        self._child: Child | None = None
        self._state: dict[str, Any] | None = None
        self._backoff = restart_backoff()
        self._watchdog = Watchdog()
        self._has_served = False
        self._stopping = False
        self._restarts = True
        self.serving = False
        """Whether it accepts requests."""

    @property
    def child(self) -> Child | None:
        """Its process, if there is one."""
        return self._child

    @property
    def pids(self) -> list[int]:
        """Its PID, if it has a process."""
        return [] if self._child is None else [self._child.pid]

    @property
    def is_broken(self) -> bool:
        """Whether it has died too often without ever serving."""
        return not self._has_served and self._backoff.restarts >= ATTEMPTS - 1

    def start(self) -> None:
        """Start it, and give it the last published state."""
        if not self._restarts:
            return
        self._backoff.started()
        self._watchdog.reset()
        try:
            self._child = self._start()
        except CANNOT_START as error:
            self._on_death(f"the web front cannot be started: {error}")
            return
        self._loop.watch(self._child.channel, self._read)
        self._send_state()

    def watch(self) -> None:
        """Check periodically whether it is stuck; if so, kill it, which leads to a restart."""
        self._loop.after(KEEPALIVE_INTERVAL_SECONDS, self.watch)
        if self._child is not None and self._watchdog.is_stuck(self.serving):
            what = "is stuck" if self.serving else "does not begin to serve"
            self._log.error("the web front %s and is killed", what)
            self._watchdog.reset()
            self.kill()

    def publish(self, state: ServiceState) -> None:
        """Send a state, now and to every later process."""
        self._state = {"op": "state", "state": state.to_json()}
        self._send_state()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message, if there is a process."""
        if self._child is not None:
            self._child.channel.send(message)

    def check(self) -> None:
        """Handle its death, if it has died."""
        if self._child is None or (returncode := self._child.returncode) is None:
            return
        self._loop.forget(self._child.channel)
        self._child.channel.close()
        self._child = None
        self.serving = False
        self._on_death(f"the web front {tree.describe_exit(returncode)}")

    def restart_later(self, reason: str) -> None:
        """Start it again after the backoff."""
        delay = self._backoff.next_seconds()
        self._log.error("%s; it starts again in %.1f s", reason, delay)
        self._loop.after(delay, self.start)

    def do_not_restart(self) -> None:
        """Start no process any more; the one there is goes on."""
        self._restarts = False

    def stop(self, timeout_seconds: float) -> None:
        """Send SIGTERM once; kill it if it has not ended in time."""
        if self._child is not None and not self._stopping:
            self._stopping = True
            tree.signal_all([self._child.pid], signal.SIGTERM)
            self._loop.after(timeout_seconds, self.kill)

    def kill(self) -> None:
        """Kill it and its descendants."""
        if self._child is not None:
            pids = [self._child.pid, *tree.descendants(self._child.pid)]
            tree.signal_all(pids, signal.SIGKILL)

    def _read(self) -> None:
        child = self._child
        if child is None:
            return
        received = child.channel.poll()
        if received is None:  # it has closed its end; SIGCHLD follows
            self._loop.forget(child.channel)
        for message in received or []:
            self._watchdog.reset()
            if message["op"] == "serving":
                self.serving = self._has_served = True
            self._on_message(message)

    def _send_state(self) -> None:
        if self._state is not None:
            self.send(self._state)
