"""The container parent: one loop, as in an init process.

Start sidecar and command; then wait for a signal, a death or a time: forward, reap, poll. The
command's whole process group is waited for, not the command alone: a shell that runs ``run.sh``
without ``exec`` dies of SIGTERM before the service has ended in order. What has left the group
and is still there then is ended. Last comes the drain.

Who gets a signal: without a service, the command's group. With one, the service and the shells
above it; the rest of the group gets it when the service has gone. ``run.sh`` may say
``python3 -u app.py 2>&1 | tee train.log``, and a ``tee`` that dies first would take the last lines
with it, and the checkpoint as well: ``print`` raises in the code that is saving.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dubhe_sdk.environment import LAUNCH_VARIABLE, SECRETS
from dubhe_sdk.launch.options import LaunchOptions
from dubhe_sdk.launch.shutdown_times import SHUTDOWN_VARIABLE
from dubhe_sdk.launch.sidecar import SidecarSupervisor
from dubhe_sdk.logs.format import log_to_stderr
from dubhe_sdk.process import inherited, lifeline, tree
from dubhe_sdk.process.disposition import catches
from dubhe_sdk.process.linux import adopt_orphans
from dubhe_sdk.process.readable import wait_readable
from dubhe_sdk.process.state_file import StateFile, pid_namespace, read_states
from dubhe_sdk.process.tree import Process

_FORWARDED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_POLL_SECONDS = 0.05
# Of the service's share, what the rest of the group gets to end by itself once the service has
# gone: ``tee`` still writes what is in its pipe.
_REST_SHARE = 1 / 3

EXIT_ENVIRONMENT = 2
EXIT_UNDELIVERED = 75  # EX_TEMPFAIL, as of `dubhe sidecar`
EXIT_CANNOT_START = 127


class Launcher:
    """Runs a command beside a sidecar.

    Args:
        command: the command and its arguments.
        options: time limits.
        spool: the spool's directory, which exists.
    """

    def __init__(self, command: Sequence[str], options: LaunchOptions, spool: Path) -> None:
        self._command = list(command)
        self._options = options
        self._id = os.urandom(8).hex()
        self._state_file = StateFile(spool, "launch")
        self._published_state: dict[str, Any] = {}
        self._signals: list[int] = []
        self._stop_at: float | None = None  # when everything has to be over
        self._out_of_time = False
        self._spool = spool
        self._service: Process | None = None  # at the stop signal
        self._service_end: int | None = None  # its returncode, if it was adopted
        self._rest_signal: signal.Signals | None = None  # for the group, once the service has gone
        self._rest_at: float | None = None  # when it is sent

    def run(self) -> int:
        """Run to the end. Returns the command's exit status, 128 + N if signal N killed it.

        For a single task that ended well, `EXIT_UNDELIVERED` if its messages are not delivered:
        what waits for its status would otherwise take for done what nobody was told of.
        """
        adopt_orphans()
        self._catch_signals()
        reading, self._writing = os.pipe()
        # The sidecar's lifeline is held by the command too: should this process be killed, the
        # service ends in order first, and what it reports then is still delivered.
        sidecars, held = os.pipe()
        self._sidecar = SidecarSupervisor(sidecars, self._id)
        self._sidecar.poll()
        try:
            self._process = self._start_command(reading, held)
        except OSError as error:
            log_to_stderr("launch", f"{self._command[0]}: {error.strerror}")
            self._sidecar.kill()
            return EXIT_CANNOT_START
        self._publish_state()
        self._wait_for_group()
        self._end_strays()
        delivered = self._drain()
        self._process.wait()
        self._state_file.close()
        if self._sidecar.misconfigured:
            return EXIT_ENVIRONMENT
        status = tree.exit_status(self._command_returncode())
        return EXIT_UNDELIVERED if self._options.once and not (status or delivered) else status

    def _command_returncode(self) -> int:
        """Return the command's returncode; the service's, if the stop killed a shell above it.

        A ``run.sh`` without ``exec`` dies of the signal at once, and the service, which ends in
        order, becomes our child.
        """
        returncode: int = self._process.returncode
        if returncode < 0 and -returncode in _STOPS and self._service_end is not None:
            return self._service_end
        return returncode

    def _start_command(self, reading: int, held: int) -> subprocess.Popen[bytes]:
        # The sidecar alone talks to Kafka. An algorithm prints its environment, or hands it on.
        env = {name: value for name, value in os.environ.items() if name not in SECRETS}
        # The service divides it, and run.sh may name the task's part of it alone.
        env[SHUTDOWN_VARIABLE] = f"{self._options.shutdown.total:g}"
        return subprocess.Popen(
            self._command,
            pass_fds=[reading, held],
            start_new_session=True,
            env={**env, LAUNCH_VARIABLE: self._id, lifeline.VARIABLE: str(reading)},
        )

    def _catch_signals(self) -> None:
        self._wakeup, writing = socket.socketpair()
        for sock in (self._wakeup, writing):
            sock.setblocking(False)
        self._wakeup_writing = writing  # kept open
        for signum in (*inherited.not_ignored(_FORWARDED), signal.SIGCHLD):
            signal.signal(signum, lambda number, _: self._signals.append(number))
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        inherited.unblock([*_FORWARDED, signal.SIGCHLD])

    def _wait(self, until: float | None) -> None:
        """Wait for a signal, a death or a time, and handle what every phase handles alike."""
        times = [t for t in (until, self._stop_at, self._sidecar.next_poll_at) if t is not None]
        timeout = max(0.0, min(times) - time.monotonic()) if times else None
        wait_readable([self._wakeup.fileno()], timeout)
        with contextlib.suppress(BlockingIOError):
            self._wakeup.recv(4096)
        while self._signals:
            signum = self._signals.pop(0)
            if signum != signal.SIGCHLD:
                self._forward(signal.Signals(signum))
        self._process.poll()
        self._sidecar.poll()
        if self._sidecar.misconfigured and self._stop_at is None:
            self._forward(signal.SIGTERM)
        self._reap_adopted()
        self._publish_state()

    def _publish_state(self) -> None:
        """Publish what became of the sidecar, for `dubhe health` and `dubhe status`, and whether
        the service was killed because the time was over, for the END that the sidecar adds.
        """
        state = {"sidecar": self._sidecar.describe(), "out_of_time": self._out_of_time}
        if state != self._published_state:
            self._published_state = state
            try:
                self._state_file.update(**state, launch=self._id)
            except OSError as error:  # for example a full disk; the next change is written again
                log_to_stderr("launch", f"the state cannot be written to the spool: {error}")

    def _forward(self, signum: signal.Signals) -> None:
        if signum in _STOPS and self._stop_at is None:
            self._stop_at = time.monotonic() + self._options.shutdown.total
        found = self._find_service()
        if not found:
            self._signal_group(signum)
            return
        service, *shells = found
        tree.signal_all([service.pid], signum)
        if signum in _STOPS:
            self._service, self._rest_signal = service, signum
        else:  # for people's own use: the default action would end a shell
            shells = [shell for shell in shells if catches(shell.pid, signum)]
        tree.signal_all([shell.pid for shell in shells], signum)

    def _signal_group(self, signum: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signum)

    def _find_service(self) -> list[Process]:
        """Return the service below the command, and the processes between; none if there is none.

        Other instances may share the spool, and their services are not below this process.
        """
        for state in read_states(self._spool, "service"):
            found = tree.find_below(os.getpid(), state["pid"])
            if found and state.get("pid_namespace") == pid_namespace():
                return found
        return []

    def _signal_rest(self) -> None:
        """Pass a stop on to the rest of the group, a moment after the service has gone."""
        if self._rest_signal is None or self._service is None or tree.lives(self._service):
            return
        if self._rest_at is None:
            self._rest_at = time.monotonic() + _REST_SHARE * self._options.shutdown.service
        elif time.monotonic() >= self._rest_at:
            self._signal_group(self._rest_signal)
            self._rest_signal = None

    def _reap_adopted(self) -> None:
        ours = {self._process.pid, self._sidecar.pid}
        for pid in tree.dead_children(os.getpid()):
            if pid not in ours:
                returncode = tree.reap(pid)
                if self._service and pid == self._service.pid and returncode is not None:
                    self._service_end = returncode

    def _group_lives(self) -> bool:
        if self._process.returncode is None:
            return True
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def _wait_for_group(self) -> None:
        """Wait until the command and its group are gone; kill them when the grace is used up."""
        while self._group_lives():
            if self._stop_at is not None and self._left() < self._options.shutdown.delivery:
                self._kill_group()
            self._signal_rest()
            # Once the command is dead, its group's last death is not signalled to us if the
            # parent of that process lives in the group too; hence the poll.
            dead = self._process.returncode is not None or self._stop_at is not None
            self._wait(time.monotonic() + _POLL_SECONDS if dead else None)

    def _kill_group(self) -> None:
        """End what has not ended in time."""
        if not self._out_of_time:
            self._out_of_time = True
            self._publish_state()  # before the sidecar can see the deaths
            log_to_stderr(
                "launch",
                f"{self._command[0]} has not ended within the time of a shutdown "
                f"({SHUTDOWN_VARIABLE} is {self._options.shutdown.total:g}) and is killed",
            )
        self._signal_group(signal.SIGKILL)

    def _left(self) -> float:
        return float("inf") if self._stop_at is None else self._stop_at - time.monotonic()

    def _end_strays(self) -> None:
        """End what left the command's group and outlived it; the service has done so already."""
        spare = [self._sidecar.pid] if self._sidecar.pid is not None else []
        strays = tree.kill_orphans(os.getpid(), spare, seconds=min(2.0, max(0.1, self._left())))
        if strays:
            log_to_stderr("launch", f"ended {len(strays)} processes that were left behind")

    def _drain(self) -> bool:
        """Let the sidecar deliver the rest, up to the deadline. Return whether it has."""
        deadline = time.monotonic() + self._options.drain_timeout_seconds
        self._sidecar.drain()
        while not (self._sidecar.drained or self._sidecar.misconfigured):
            end = deadline if self._stop_at is None else min(deadline, self._stop_at)
            if time.monotonic() >= end:
                self._sidecar.kill()
                log_to_stderr(
                    "launch",
                    "not everything could be delivered in time; the rest stays in the spool and "
                    "is delivered when this is started on it again (see `dubhe status`)",
                )
                return False
            self._wait(end)
        return self._sidecar.drained
