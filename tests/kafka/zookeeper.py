"""The ZooKeeper of a broker before KRaft: one process on loopback.

A broker registers itself by a node that is gone when its session has ended. A broker that was
killed leaves the session to its timeout, and the next one would end at once because of the node;
so `await_no_broker` waits for it.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.kafka.jars import HarnessError

HOST = "127.0.0.1"
TIMEOUT_S = 60.0
TICK_MS = 500  # sessions take two of them at least
_MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
_JVM = ("-Xmx128m", "-Dzookeeper.4lw.commands.whitelist=*", "-Dzookeeper.admin.enableServer=false")


class ZooKeeper:
    """A server with a data directory of its own.

    Args:
        directory: an empty directory.
        java: what its command begins with, up to the class path.
        port: to listen on.
    """

    def __init__(self, directory: Path, java: Sequence[str], port: int) -> None:
        self._directory = directory
        self._java = java
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """For ``zookeeper.connect``."""
        return f"{HOST}:{self._port}"

    def start(self) -> None:
        """Start it unless it is running, and wait until it answers."""
        if self._process is not None:
            return
        self._directory.mkdir(parents=True)
        settings = self._directory / "zookeeper.properties"
        settings.write_text(
            f"dataDir={self._directory / 'data'}\ntickTime={TICK_MS}\nmaxClientCnxns=0\n"
            f"clientPort={self._port}\nclientPortAddress={HOST}\n",
            encoding="utf-8",
        )
        with (self._directory / "zookeeper.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java, *_JVM, _MAIN, os.fspath(settings)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        atexit.register(self.kill)
        self._until(lambda: self._ask(b"ruok") == b"imok", "answer")

    def kill(self) -> None:
        """End it. Does nothing if it is not running."""
        process, self._process = self._process, None
        if process is not None:
            atexit.unregister(self.kill)
            process.kill()
            process.wait()

    def await_no_broker(self) -> None:
        """Wait until no broker is registered."""

        def forgotten() -> bool:
            sessions = self._ask(b"dump")
            return bool(sessions) and b"/brokers/ids/" not in sessions

        self._until(forgotten, "forget the broker")

    def _ask(self, word: bytes) -> bytes:
        """Send one of its four-letter words; return the answer, empty if it does not listen."""
        try:
            with socket.create_connection((HOST, self._port), timeout=5) as connection:
                connection.sendall(word)
                return b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:
            return b""

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            process = self._process
            if process is None or process.poll() is not None or time.monotonic() > deadline:
                log = (self._directory / "zookeeper.log").read_text("utf-8", "replace")
                raise HarnessError(f"ZooKeeper did not {what}:\n{log[-3000:]}")
            time.sleep(0.05)
