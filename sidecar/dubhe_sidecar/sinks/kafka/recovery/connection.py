"""Connecting to the cluster: repeats what fails until it works, and reports why."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from kafka.errors import KafkaError

from dubhe_sidecar.sinks.base import OutageCode, OutageReason, SinkError
from dubhe_sidecar.sinks.kafka.addresses import Addresses
from dubhe_sidecar.sinks.kafka.cluster_check import ClusterCheck
from dubhe_sidecar.sinks.kafka.diagnostics.announced import announced_unreachable
from dubhe_sidecar.sinks.kafka.diagnostics.client_log import ClientLogHandler
from dubhe_sidecar.sinks.kafka.diagnostics.outage import OutageTracker
from dubhe_sidecar.sinks.kafka.diagnostics.probe import (
    AT_ONCE,
    unreachable,
    unreachable_ones,
)
from dubhe_sidecar.sinks.kafka.errors import ErrorKind, classify, describe, outage_reason
from dubhe_sidecar.sinks.kafka.limits import KafkaLimits
from dubhe_sidecar.sinks.kafka.producer.session import SOCKET_OPTIONS, ProducerSession
from dubhe_sidecar.sinks.kafka.recovery.backoff import ReconnectBackoff
from dubhe_sidecar.sinks.kafka.recovery.tail import TailReader
from dubhe_sidecar.sinks.kafka.settings import KafkaSettings, SettingsError

T = TypeVar("T")

_PAUSE_STEP_S = 0.2
NO_ANSWER = OutageReason(OutageCode.UNREACHABLE, "no answer")
# Reasons that a broker gave itself; what the network shows is no reason then.
_BROKERS_OWN = frozenset(
    {OutageCode.AUTHENTICATION, OutageCode.AUTHORIZATION, OutageCode.TOPIC, OutageCode.REPLICAS}
)
SASL_BOOTSTRAP_S = 3.5  # below the pause between attempts: one attempt for each constructor


class SettingsFileError(OSError):
    """A file that the settings name is not what it should be; someone may correct it."""


class ClusterConnection:
    """Opens producer sessions and tail readers, and repeats what fails until it works.

    Args:
        settings: how to reach the cluster.
        limits: times and sizes.
        outage: where failed attempts are reported.
        on_wait: called again and again while it waits; may raise to give up.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        limits: KafkaLimits,
        outage: OutageTracker,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        self._cluster_check = ClusterCheck()
        self._on_wait = on_wait
        self._attempt_at = 0.0
        self._sasl = settings.protocol.startswith("SASL_")
        self.client_log = ClientLogHandler(sasl=self._sasl)
        self._addresses = Addresses()
        self._looked_at = 0.0
        self._settings = settings
        self._limits = limits
        self._outage = outage
        self._unavailable = ReconnectBackoff(limits.backoff_s, limits.backoff_max_s)
        self._refused = ReconnectBackoff(limits.refused_backoff_s, limits.refused_backoff_max_s)

    @property
    def cluster(self) -> str:
        """Id of the cluster, once a session was opened."""
        return self._cluster_check.expected

    def open_session(self, *, isolated: bool = False) -> ProducerSession:
        """Make a producer, once.

        Raises:
            SinkError: it is connected to another cluster than the one before.
        """
        with self._cluster_check.closing_what_fails():
            session = ProducerSession(
                self._client(),
                self._limits,
                isolated=isolated,
                idempotent=self._settings.idempotent,
            )
        try:
            self.check_cluster(session)
        except SinkError:
            session.abandon()
            raise
        self._addresses.keep_failures_of(session.brokers)
        self._cluster_check.expected = session.cluster or self.cluster
        return session

    def check_cluster(self, session: ProducerSession) -> None:
        """See that a session is connected to the cluster that all before were connected to.

        Raises:
            SinkError: it is another one. The next process decides what is for it.
        """
        self._expect_cluster(session.cluster)

    def _expect_cluster(self, cluster: str) -> None:
        before, now = self.cluster, self._cluster_check.other or cluster
        if before and now and before != now:
            raise SinkError(
                f"{self._outage.name}: these brokers are the cluster {now} now, and were the "
                f"cluster {before}; what is for the former one stays in the spool",
                OutageCode.CLUSTER,
            )

    def have_brokers_moved(self, session: ProducerSession) -> bool:
        """Return whether all brokers that a session knows are gone, and a bootstrap server answers.

        kafka-python asks the bootstrap servers once only, when a session begins. Looks at most
        once every `KafkaLimits.moved_after_s`; then it may take a second and a half.
        """
        now = time.monotonic()
        known, asked = session.brokers, self._settings.servers
        nothing_to_learn = not known or known.issuperset(asked)
        if nothing_to_learn or now - self._looked_at < self._limits.moved_after_s:
            return False
        self._looked_at = now
        gone = unreachable_ones(known)
        if len(gone) < min(len(known), AT_ONCE) or unreachable(asked) is not None:
            return False
        for server, why in gone.items():
            self._addresses.note_failed(server, why)
        return True

    @property
    def reason(self) -> OutageReason | None:
        """Why nothing is delivered, as far as log and connections show."""
        log = self.client_log.credentials_refused or self.client_log.reason
        if log is not None and log.code in _BROKERS_OWN:
            return log
        return announced_unreachable(self._addresses.failures, self._settings.servers) or log

    def waits_for(self) -> OutageReason:
        """Return why an attempt takes long. May be called from any thread."""
        return self.reason or NO_ANSWER

    def open_tail_reader(self) -> TailReader:
        """Make a reader of tails, once."""
        with self._cluster_check.closing_what_fails():
            return TailReader(self._client(), self._limits, self._on_wait, self._report_long_read)

    def _report_long_read(self, text: str) -> None:
        self._outage.report(OutageReason(OutageCode.RECOVERY, text))

    def until_done(self, attempt: Callable[[], T]) -> T:
        """Repeat an attempt until it succeeds.

        Raises:
            SinkError: it fails for a reason that waiting does not cure.
        """
        self._pause()  # what is left of one that was given up
        while True:
            self.client_log.reset()
            try:
                with self._outage.attempt(self.waits_for):
                    result = attempt()
            except (KafkaError, OSError) as error:
                self.wait_after(error)
            else:
                self.client_log.reset()
                return result

    def wait_after(self, error: BaseException) -> None:
        """Report why an attempt failed, and wait before the next one.

        Raises:
            SinkError: waiting does not cure it, for example because its connection led to another
                cluster.
        """
        self._expect_cluster("")
        if isinstance(error, SettingsFileError):  # the cluster was not asked
            self._outage.retries += 1
            self._outage.report(OutageReason(OutageCode.OTHER, str(error)))
            self._pause(self._unavailable.next_pause())
            return
        kind = classify(error)
        if kind in (ErrorKind.UNEXPECTED, ErrorKind.RECORD):
            raise SinkError(f"{self._outage.name}: {describe(error)}") from error
        network = None if kind is ErrorKind.REFUSED else unreachable(self._settings.servers)
        reason = network or self.reason or outage_reason(error)
        self._outage.retries += 1
        self._outage.report(reason)
        # With SASL a broker that refuses often just closes the connection, so any failure of a
        # reachable broker may be a refused password.
        refused = (
            kind is ErrorKind.REFUSED
            or self.client_log.credentials_refused
            or (self._sasl and not network and reason.code is not OutageCode.ADVERTISED)
        )
        self._pause((self._refused if refused else self._unavailable).next_pause())

    def succeeded(self) -> None:
        """Start again with short pauses. Call it when records are delivered, not on connecting."""
        self._unavailable.reset()
        self._refused.reset()

    def _pause(self, seconds: float = 0.0) -> None:
        """Wait until the next attempt is due; whoever gives up meanwhile finds it as late."""
        self._attempt_at = max(self._attempt_at, time.monotonic() + seconds)
        while (left := self._attempt_at - time.monotonic()) > 0:
            self._on_wait()
            time.sleep(min(left, _PAUSE_STEP_S))

    def _client(self) -> dict[str, Any]:
        """Return what kafka-python needs. Read again each time: certificates and secrets change.

        Raises:
            SettingsFileError: a file was good at the start, and is not now.
        """
        timeout_s = self._limits.connect_timeout_s
        if self._sasl:
            timeout_s = min(timeout_s, SASL_BOOTSTRAP_S)
        try:
            client = self._settings.client()
        except SettingsError as error:
            raise SettingsFileError(str(error)) from error
        return {
            **client,
            "client_id": "dubhe-sidecar",
            "bootstrap_timeout_ms": int(timeout_s * 1000),
            "reconnect_backoff_ms": int(self._limits.refused_backoff_s * 1000)
            if self._sasl
            else 50,
            "reconnect_backoff_max_ms": 60_000 if self._sasl else 1000,
            "socket_options": SOCKET_OPTIONS,
            "kafka_client": self._cluster_check.client,
            "proxy_url": self._addresses.url,  # no proxy: see ``addresses.py``
        }
