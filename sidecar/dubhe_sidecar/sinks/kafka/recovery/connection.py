"""Waiting for the cluster, without end, and telling why."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from kafka.errors import KafkaError

from dubhe_sidecar.sinks.base import SinkError, SinkInterrupted
from dubhe_sidecar.sinks.kafka.diagnostics.causes import Listener, unreachable
from dubhe_sidecar.sinks.kafka.diagnostics.outage import Backoff, Trouble
from dubhe_sidecar.sinks.kafka.errors import Fault, fault, words
from dubhe_sidecar.sinks.kafka.limits import Limits
from dubhe_sidecar.sinks.kafka.producer.session import SOCKET_OPTIONS, Line
from dubhe_sidecar.sinks.kafka.recovery.tail import TailReader
from dubhe_sidecar.sinks.kafka.settings import KafkaSettings, SettingsError

T = TypeVar("T")

SLICE_S = 0.1  # an interruption is noticed within this time
SASL_BOOTSTRAP_S = 3.5  # below the pause between attempts: one attempt for each constructor


class FileTrouble(OSError):
    """A file that the settings name is not what it should be; someone may correct it."""


class Connection:
    """Makes lines and tail readers, and repeats what fails until it works."""

    def __init__(self, settings: KafkaSettings, limits: Limits, trouble: Trouble) -> None:
        self._sasl = settings.protocol.startswith("SASL_")
        self.listener = Listener(sasl=self._sasl)
        self.interrupted = False
        self._settings = settings
        self._limits = limits
        self._trouble = trouble
        self._away = Backoff(limits.backoff_s, limits.backoff_max_s)
        self._refused = Backoff(limits.refused_backoff_s, limits.refused_backoff_max_s)

    def check(self) -> None:
        """Raise `SinkInterrupted` if waiting is to end."""
        if self.interrupted:
            raise SinkInterrupted("interrupted while waiting for Kafka")

    def line(self, *, careful: bool = False) -> Line:
        """Make a producer, once."""
        return Line(self._client(), self._limits, careful=careful)

    def reader(self) -> TailReader:
        """Make a reader of tails, once."""
        return TailReader(self._client(), self._limits, self.check)

    def until_done(self, attempt: Callable[[], T]) -> T:
        """Repeat an attempt until it succeeds.

        Raises:
            SinkError: it fails for a reason that waiting does not cure.
        """
        while True:
            self.check()
            self.listener.forget()
            try:
                result = attempt()
            except (KafkaError, OSError) as error:
                self.failed(error)
            else:
                self.listener.forget()
                return result

    def failed(self, error: BaseException) -> None:
        """Tell why an attempt failed, and wait before the next one.

        Raises:
            SinkError: waiting does not cure it.
            SinkInterrupted: waiting is to end.
        """
        if isinstance(error, FileTrouble):  # the cluster was not asked
            self._trouble.retries += 1
            self._trouble.note(str(error))
            self.pause(self._away.pause())
            return
        kind = fault(error)
        if kind in (Fault.UNEXPLAINED, Fault.RECORD):
            raise SinkError(f"{self._trouble.name}: {words(error)}") from error
        nobody = None if kind is Fault.REFUSED else unreachable(self._settings.servers)
        heard = self.listener.refused or self.listener.reason
        self._trouble.retries += 1
        self._trouble.note(nobody or heard or words(error))
        # With SASL a broker that refuses often just hangs up, so any failure of a reachable
        # broker may be a refused password.
        refused = kind is Fault.REFUSED or self.listener.refused or (self._sasl and not nobody)
        self.pause((self._refused if refused else self._away).pause())

    def succeeded(self) -> None:
        """Begin the pauses anew. Call it when records are delivered, not when one can connect."""
        self._away.reset()
        self._refused.reset()

    def pause(self, seconds: float) -> None:
        """Wait, unless interrupted."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, SLICE_S))

    def _client(self) -> dict[str, Any]:
        """Return what kafka-python needs. Read anew: certificates are renewed, secrets changed.

        Raises:
            FileTrouble: a file was good at the start, and is not now.
        """
        timeout_s = self._limits.connect_timeout_s
        if self._sasl:
            timeout_s = min(timeout_s, SASL_BOOTSTRAP_S)
        try:
            client = self._settings.client()
        except SettingsError as error:
            raise FileTrouble(str(error)) from error
        return {
            **client,
            "client_id": "dubhe-sidecar",
            "bootstrap_timeout_ms": int(timeout_s * 1000),
            "reconnect_backoff_ms": int(self._limits.refused_backoff_s * 1000)
            if self._sasl
            else 50,
            "reconnect_backoff_max_ms": 60_000 if self._sasl else 1000,
            "socket_options": SOCKET_OPTIONS,
        }
