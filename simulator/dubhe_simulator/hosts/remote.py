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
from dubhe_simulator.errors import CannotPlay, TaskFailed
from dubhe_simulator.hosts.wire import Garbled, Wire
from dubhe_simulator.i18n.core import say
from dubhe_simulator.instances.base import Ending
from dubhe_simulator.instances.local import GRACE_S

Address = tuple[str, int]

CONNECT_TIMEOUT_S = 5.0
AGAIN_S = 0.2
LOOK_EVERY_S = 0.1
REPORT_S = 5.0  # for the host to count what was said, after the instance's end
# …and after one or two signals to the platform itself. The host sees to the end in any case.
PATIENCE_S = (GRACE_S + REPORT_S, REPORT_S, 0.0)


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
        host: Address,
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
        self._wire: Wire | None = None
        self._ending: Ending | None = None
        self._said: int | None = None

    def ended(self) -> Ending | None:
        """See `Running.ended`."""
        if self._ending is None and not self._look(0):
            raise TaskFailed(say("host_lost", host=name(self._host)))
        return self._ending

    def stop(self) -> Ending:
        """See `Running.stop`. A signal to the platform shortens the wait, a second one ends it."""
        if self._wire is None or self._wire.ended:
            return self._ending or Ending(1)
        with interrupts.deferred():
            self._wire.finish()
            begun = time.monotonic()
            alive = True
            while self._ending is None and alive:
                if time.monotonic() - begun > PATIENCE_S[min(interrupts.count(), 2)]:
                    break
                alive = self._look(LOOK_EVERY_S)
        return self._ending or Ending(1)

    def spoken(self) -> int | None:
        """See `Running.spoken`."""
        return self._said

    def __enter__(self) -> RemoteInstance:
        try:
            self._wire, greeting = greet(self._host)
            self.protocol, self.address = greeting["protocol"], (self._host[0], greeting["port"])
            self._wire.send({"environment": self._environment})
        except (OSError, Garbled, KeyError) as error:
            self._close()
            raise TaskFailed(say("no_host", host=name(self._host), error=error)) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ending is None:
            self.stop()
        self._close()

    def _close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _look(self, timeout: float) -> bool:
        """Take in what the host has said; return whether it may say more."""
        if self._wire is None:
            return False
        if select.select([self._wire], [], [], timeout)[0]:
            try:
                report = self._wire.receive()
            except Garbled:
                return False
            if report is not None and "error" in report:
                raise TaskFailed(say("host_refused", host=name(self._host), error=report["error"]))
            if report is not None:
                self._ending = Ending(report["status"], report["killed"])
                self._said = report["said"]
        return not self._wire.ended or self._ending is not None


def name(host: Address) -> str:
    """Return ``host:port``."""
    return f"{host[0]}:{host[1]}"


def wait_for_host(host: Address, timeout: float) -> str:
    """Wait until a host answers and return the protocol that its instances serve.

    Raises:
        CannotPlay: none did in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            wire, greeting = greet(host)
            wire.close()
            return str(greeting["protocol"])
        except (OSError, Garbled, KeyError) as error:
            if time.monotonic() > deadline:
                raise CannotPlay(say("no_host", host=name(host), error=error)) from error
        time.sleep(AGAIN_S)  # nothing tells when a container begins to listen


def greet(host: Address) -> tuple[Wire, dict[str, Any]]:
    """Connect to a host and return the connection and what the host said first.

    Raises:
        OSError: nobody is there, or it is busy with another instance.
        Garbled: somebody else is there.
    """
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.create_connection(host, CONNECT_TIMEOUT_S))
        wire = Wire(sock)
        greeting = None
        while greeting is None and not wire.ended:
            # It serves one platform at a time; others wait in its queue.
            if not select.select([wire], [], [], CONNECT_TIMEOUT_S)[0]:
                raise TimeoutError(say("host_busy"))
            greeting = wire.receive()
        if greeting is None:
            raise ConnectionError("it hung up")
        sock.settimeout(None)
        stack.pop_all()
    return wire, greeting
