"""An instance on a host, as the platform sees it."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator import interrupts
from dubhe_simulator.errors import CannotStart, TaskFailed
from dubhe_simulator.hosts.connection import Connection, ProtocolError
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.base import ExitInfo
from dubhe_simulator.instances.local import GRACE_S

HostAddress = tuple[str, int]

CONNECT_TIMEOUT_S = 5.0
AGAIN_S = 0.2
POLL_INTERVAL_S = 0.1
REPORT_S = 5.0  # for the host to count what was reported, after the instance's end
# …and after one or two signals to the platform itself. The host sees to the end in any case.
STOP_TIMEOUT_S = (GRACE_S + REPORT_S, REPORT_S, 0.0)


class RemoteInstance:
    """An instance on a host. Use it as a context manager: leaving it ends the instance.

    Args:
        host: where a `Host` listens.
        kind: the kind of task.
        instance_id: its identity; the third part must fit the kind.
        environment: further variables.
        folder: where its log and spool can be read here, if they can.
    """

    logs: tuple[Path, ...] = ()  # its console is the host's

    def __init__(
        self,
        host: HostAddress,
        kind: TaskKind,
        instance_id: str,
        environment: Mapping[str, str],
        folder: Path | None = None,
    ) -> None:
        self.kind = kind
        self.folder = folder
        self.id = instance_id
        self.protocol = ""
        self.address = ("", 0)
        self._host = host
        self._environment = {**environment, "INSTANCE_ID": instance_id}
        self._connection: Connection | None = None
        self._exit_info: ExitInfo | None = None
        self._reported_count: int | None = None

    def ended(self) -> ExitInfo | None:
        """See `Instance.ended`."""
        if self._exit_info is None and not self._poll(0):
            raise TaskFailed(translate("host_lost", host=name(self._host)))
        return self._exit_info

    def stop(self) -> ExitInfo:
        """See `Instance.stop`. A signal to the platform shortens the wait, a second one ends it."""
        if self._connection is None or self._connection.ended:
            return self._exit_info or ExitInfo(1)
        with interrupts.deferred():
            self._connection.finish()
            begun = time.monotonic()
            alive = True
            while self._exit_info is None and alive:
                if time.monotonic() - begun > STOP_TIMEOUT_S[min(interrupts.count(), 2)]:
                    break
                alive = self._poll(POLL_INTERVAL_S)
        return self._exit_info or ExitInfo(1)

    def reported_count(self) -> int | None:
        """See `Instance.reported_count`."""
        return self._reported_count

    def __enter__(self) -> RemoteInstance:
        try:
            self._connection, hello = handshake(self._host)
            self.protocol, self.address = hello["protocol"], (self._host[0], hello["port"])
            self._connection.send({"environment": self._environment})
        except (OSError, ProtocolError, KeyError) as error:
            self._close()
            raise TaskFailed(translate("no_host", host=name(self._host), error=error)) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._exit_info is None:
            self.stop()
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _poll(self, timeout: float) -> bool:
        """Take in what the host has sent; return whether it may send more."""
        if self._connection is None:
            return False
        if select.select([self._connection], [], [], timeout)[0]:
            try:
                report = self._connection.receive()
            except ProtocolError:
                return False
            if report is not None and "error" in report:
                raise TaskFailed(
                    translate("host_refused", host=name(self._host), error=report["error"])
                )
            if report is not None:
                self._exit_info = ExitInfo(report["status"], report["killed"])
                self._reported_count = report["reported"]
        return not self._connection.ended or self._exit_info is not None


def name(host: HostAddress) -> str:
    """Return ``host:port``."""
    return f"{host[0]}:{host[1]}"


def wait_for_host(host: HostAddress, timeout: float) -> str:
    """Wait until a host answers and return the protocol that its instances serve.

    Raises:
        CannotStart: none did in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection, hello = handshake(host)
            connection.close()
            return str(hello["protocol"])
        except (OSError, ProtocolError, KeyError) as error:
            if time.monotonic() > deadline:
                raise CannotStart(translate("no_host", host=name(host), error=error)) from error
        time.sleep(AGAIN_S)  # nothing tells when a container begins to listen


def handshake(host: HostAddress) -> tuple[Connection, dict[str, Any]]:
    """Connect to a host and return the connection and the host's first message.

    Raises:
        OSError: nobody is there, or it is busy with another instance.
        Garbled: somebody else is there.
    """
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.create_connection(host, CONNECT_TIMEOUT_S))
        connection = Connection(sock)
        hello = None
        while hello is None and not connection.ended:
            # It serves one platform at a time; others wait in its queue.
            if not select.select([connection], [], [], CONNECT_TIMEOUT_S)[0]:
                raise TimeoutError(translate("host_busy"))
            hello = connection.receive()
        if hello is None:
            raise ConnectionError("it hung up")
        sock.settimeout(None)
        stack.pop_all()
    return connection, hello
