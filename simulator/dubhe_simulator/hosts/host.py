"""Runs instances of one algorithm for a platform elsewhere, one after another.

In `docker-compose.yml` it is what a container of the algorithm runs. The container then stays while
instances come and go, as a machine of the platform's does; each instance gets the identity and the
model that the platform names, and everything else from the container's environment.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubhe_sdk.environment import directories
from dubhe_simulator.hosts.connection import Connection, ProtocolError
from dubhe_simulator.instances.local import GRACE_S
from dubhe_simulator.instances.spool_status import reported_count

DEFAULT_PORT = 8029
SIGNAL_BASE = 128
# What a platform decides; nothing else may be set from outside.
NAMES = frozenset(
    {
        *("INSTANCE_ID", "PLATFORM_TYPE", "model_path", "special_params", "RELY_MODEL_DATA"),
        *("BOOTSTRAP_SERVERS", "TOPIC_MODEL_STATUS", "TOPIC_MODEL_RESULT"),
    }
)


@dataclass(frozen=True)
class Served:
    """What instances serve: the protocol, and the port on this host."""

    protocol: str
    port: int


class Host:
    """Waits for a platform and does what it says, until a signal comes.

    Args:
        served: what the instances serve.
        command: starts an instance, in the working directory.
        grace: seconds between SIGTERM and SIGKILL.
    """

    def __init__(self, served: Served, command: Sequence[str], grace: float = GRACE_S) -> None:
        self._served = served
        self._command = list(command)
        self._grace = grace
        self._asked = False  # to end

    def run(self, listener: socket.socket) -> None:
        """Serve platforms, one at a time, until SIGTERM or SIGINT. Main thread only.

        Args:
            listener: listening; further platforms wait in its queue.
        """
        with self._signals() as wakeup:
            while not self._asked:
                if _readable(listener, wakeup):
                    sock, peer = listener.accept()
                    with contextlib.closing(Connection(sock)) as connection:
                        self._serve(connection, wakeup, peer)
                _empty(wakeup)

    def _serve(self, connection: Connection, wakeup: int, peer: object) -> None:
        try:
            connection.send({"protocol": self._served.protocol, "port": self._served.port})
            order = self._wait_for_order(connection, wakeup)
            if order is None:
                return
            environment = _environment(order)
            folder = instance_folder(environment["INSTANCE_ID"])
        except (ProtocolError, OSError) as error:
            _log(f"{peer}: {error}")
            with contextlib.suppress(OSError):  # the platform may be gone
                connection.send({"error": str(error)})
            return
        _log(f"starting {environment['INSTANCE_ID']}")
        _, spool = directories(os.environ)
        before = reported_count(spool) or 0
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            env={
                **os.environ,
                **environment,
                "DUBHE_TEMPORARY": str(folder),
                "DUBHE_SPOOL_DIR": str(spool),
            },
            start_new_session=True,
        )
        killed = self._wait_for_end(process, connection, wakeup)
        status = process.returncode
        status = status if status >= 0 else SIGNAL_BASE - status
        _log(f"{environment['INSTANCE_ID']} ended with status {status}")
        reported = reported_count(spool)
        with contextlib.suppress(OSError):  # the platform may be gone
            reported = None if reported is None else reported - before
            connection.send({"status": status, "killed": killed, "reported": reported})

    def _wait_for_order(self, connection: Connection, wakeup: int) -> dict[str, Any] | None:
        while not (self._asked or connection.ended):
            if _readable(connection, wakeup):
                order = connection.receive()
                if order is not None:
                    return order
            _empty(wakeup)
        return None

    def _wait_for_end(
        self, process: subprocess.Popen[bytes], connection: Connection, wakeup: int
    ) -> bool:
        """Return whether it had to be killed."""
        while process.poll() is None and not (self._asked or connection.ended):
            if _readable(connection, wakeup):
                with contextlib.suppress(ProtocolError):  # whatever it says: only its end matters
                    connection.receive()
            _empty(wakeup)
        if process.poll() is not None:
            return False
        process.terminate()
        deadline = time.monotonic() + self._grace
        while process.poll() is None and time.monotonic() < deadline:
            select.select([wakeup], [], [], max(0.0, deadline - time.monotonic()))
            _empty(wakeup)
        if process.poll() is not None:
            return False
        process.kill()
        process.wait()
        return True

    @contextlib.contextmanager
    def _signals(self) -> Iterator[int]:
        """Yield a descriptor that becomes readable when a signal has come."""
        reading, writing = os.pipe()
        for end in (reading, writing):
            os.set_blocking(end, False)
        before = {
            number: signal.signal(number, self._handle)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
        }
        former = signal.set_wakeup_fd(writing)
        try:
            yield reading
        finally:
            signal.set_wakeup_fd(former)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(reading)
            os.close(writing)

    def _handle(self, number: int, frame: object) -> None:
        self._asked = self._asked or number != signal.SIGCHLD


def _environment(order: dict[str, Any]) -> dict[str, str]:
    environment = order.get("environment")
    if not isinstance(environment, dict) or not all(
        isinstance(value, str) for value in environment.values()
    ):
        raise ProtocolError(f'no {{"environment": {{name: text}}}}: {str(order)[:200]}')
    foreign = sorted(set(environment) - NAMES)
    if foreign:
        raise ProtocolError(
            f"sets {', '.join(foreign)}; only {', '.join(sorted(NAMES))} may be set"
        )
    name = environment.get("INSTANCE_ID", "")
    if name in ("", ".", "..") or Path(name).name != name:
        raise ProtocolError(f"INSTANCE_ID is {name!r}, expected a name without a slash")
    return environment


def instance_folder(name: str) -> Path:
    """Make and return an instance's folder below this host's temporary folder.

    Its log and its intermediate results are its own, so that a platform can tell whose they are.
    The spool is the host's: the next instance delivers what this one cannot. The link is relative,
    so that it leads there from wherever the folder is mounted.

    Raises:
        OSError: it cannot be made.
    """
    temporary, spool = directories(os.environ)
    folder = temporary / name
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (folder / "spool").symlink_to(os.path.relpath(spool, folder))
    return folder


def _readable(sock: socket.socket | Connection, wakeup: int) -> bool:
    """Wait for the connection or a signal; return whether the connection has something."""
    return sock.fileno() in select.select([wakeup, sock.fileno()], [], [])[0]


def _empty(wakeup: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(wakeup, 4096)


def _log(text: str) -> None:
    sys.stderr.write(f"dubhe host: {text}\n")
