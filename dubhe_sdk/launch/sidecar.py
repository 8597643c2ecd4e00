"""`SidecarSupervisor`: starts the sidecar, restarts it with backoff, lets it drain.

However often it dies, the algorithm runs on: what is reported waits in the spool. One that cannot
even be started, since the container may have no more processes or no memory, is one more death.
Only an environment that the very first sidecar refuses ends the container: later, it was accepted
before.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

from dubhe_sdk.logs.format import log_to_stderr
from dubhe_sdk.process.backoff import RestartBackoff
from dubhe_sdk.process.command import CANNOT_START, support_command, support_environ
from dubhe_sdk.process.tree import describe_exit
from dubhe_sdk.version import __version__

_RESTART_DELAYS_SECONDS = (0.1, 0.3, 1.0, 2.0, 5.0)
_EXIT_ENVIRONMENT = 2
_EXIT_OTHERS_LEFT = 3  # what is left is for another destination, and the sidecar has logged it
_STABLE_SECONDS = 10.0


class SidecarSupervisor:
    """Owns the sidecar process. `poll` is to be called after each event and `next_poll_at`.

    Args:
        lifeline: reading end of the lifeline, inherited by the sidecar.
        launch: names this run of ``dubhe launch`` to the sidecar.
    """

    def __init__(self, lifeline: int, launch: str) -> None:
        self._lifeline = lifeline
        self._launch = launch
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0
        self._deaths = 0
        self._backoff = RestartBackoff(_RESTART_DELAYS_SECONDS, _STABLE_SECONDS)
        self._last_end: tuple[str, float] | None = None  # how, and when in seconds since 1970
        self._start_at: float | None = time.monotonic()
        self._draining = False
        self.drained = False
        """The sidecar has delivered everything that is for its destination, after `drain`."""
        self.misconfigured = False
        """The first sidecar has refused its environment and logged why; another would too."""

    @property
    def pid(self) -> int | None:
        """The running sidecar's PID."""
        return self._process.pid if self._process else None

    @property
    def next_poll_at(self) -> float | None:
        """When `poll` has something to do, in seconds of `time.monotonic`."""
        return self._start_at

    def describe(self) -> dict[str, Any]:
        """Return what became of it, for `dubhe health` and `dubhe status`."""
        how, when = self._last_end or (None, None)
        return {
            "running": self._process is not None,
            "deaths": self._deaths,
            "last_end": how,
            "last_end_ms": None if when is None else int(when * 1000),
        }

    def poll(self) -> None:
        """Reap a dead sidecar; start one that is due."""
        if self._process is not None and self._process.poll() is not None:
            self._on_death(self._process.returncode)
        if self._start_at is not None and time.monotonic() >= self._start_at:
            self._start()

    def drain(self) -> None:
        """Ask the sidecar to deliver what there is, and to end."""
        self._draining = True
        if self._process is not None:
            self._process.terminate()
        else:
            self._start_at = time.monotonic()

    def kill(self) -> None:
        """End the sidecar at once. It is made to bear that at any instruction."""
        self._start_at = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        self._start_at = None
        self._backoff.started()
        options = ["--lifeline-fd", str(self._lifeline), "--launch", self._launch]
        options += ["--core-version", __version__]
        if self._draining:
            options.append("--drain")
        try:
            self._process = subprocess.Popen(
                [*support_command(), "sidecar", *options],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                pass_fds=[self._lifeline],
                start_new_session=True,  # Ctrl-C in a terminal is not for it
                env=support_environ(),
            )
        except CANNOT_START as error:
            self._restart_later(f"cannot be started: {error}")
        else:
            self._starts += 1

    def _on_death(self, returncode: int) -> None:
        self._process = None
        if self._draining and returncode in (0, _EXIT_OTHERS_LEFT):
            self.drained = True
            return
        if self._draining and returncode == -signal.SIGTERM:
            self._start()  # it was asked to drain before it could listen
            return
        if returncode == _EXIT_ENVIRONMENT and self._starts == 1:
            self.misconfigured = True
            return
        self._restart_later(describe_exit(returncode))

    def _restart_later(self, how: str) -> None:
        self._deaths += 1
        self._last_end = (how, time.time())
        delay = self._backoff.next_seconds()
        self._start_at = time.monotonic() + delay
        log_to_stderr("launch", f"the sidecar {how}; it starts again in {delay:g} s")
