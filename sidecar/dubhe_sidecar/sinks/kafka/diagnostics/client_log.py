"""The reason of an outage, from kafka-python's log.

kafka-python writes most causes only to its log: a constructor raises the same timeout for a wrong
password, an unknown host and a refused connection, and a running producer raises nothing at all.
So the sink reads that log, and probes the network itself where the log is not precise enough.

The log is also kept out of the sidecar's own: during an outage it is dozens of lines a second.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import NamedTuple

from dubhe_sidecar.sinks.base import OutageCode, OutageReason
from dubhe_sidecar.sinks.kafka.errors import NO_PERMISSION_TO_PRODUCE

# kafka-python mostly misses a broker's answer to a wrong password: the broker closes the
# connection right after it, and the client sees the closing first. So with SASL a few of them in
# a row mean a refusal; a broker that merely restarts soon refuses connections instead.
DISCONNECTED = "socket disconnected"
REFUSED_AFTER = 6
CLOSED_DURING_AUTHENTICATION = OutageReason(
    OutageCode.AUTHENTICATION,
    "the broker hangs up during authentication: wrong user name or password, or it expects "
    "another KAFKA_SASL_MECHANISM or KAFKA_SECURITY_PROTOCOL",
)


class LogPattern(NamedTuple):
    """What a line of kafka-python's log means."""

    pattern: str
    """A regular expression; its groups fill ``text``."""
    code: OutageCode
    text: str
    refuses_credentials: bool = False


# The first that matches a line counts, and of several lines the one that comes first here: the
# cause, not its consequences.
PATTERNS = (
    LogPattern(
        r"SaslAuth\w+: (?:\w+: )*(.+?)(?: \(backoff|$)",
        OutageCode.AUTHENTICATION,
        "authentication failed: {0}",
        refuses_credentials=True,
    ),
    LogPattern(
        r"SaslAuthenticationFailed",
        OutageCode.AUTHENTICATION,
        "authentication failed",
        refuses_credentials=True,
    ),
    LogPattern(
        r"UnsupportedSaslMechanism",
        OutageCode.AUTHENTICATION,
        "the broker does not offer KAFKA_SASL_MECHANISM",
        refuses_credentials=True,
    ),
    LogPattern(r"Handshake failed: (.+?)(?: \(backoff|$)", OutageCode.TLS, "TLS failed: {0}"),
    # With TLS 1.3 it is judged after the handshake; to Java's TLS a missing one is a bad one.
    LogPattern(
        r"CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|ALERT_CERTIFICATE_\w+|ALERT_UNKNOWN_CA",
        OutageCode.TLS,
        "the broker refuses our client certificate, or there is none: see KAFKA_SSL_CERTFILE",
    ),
    LogPattern(
        r"Topic (\S+) is not authorized",
        OutageCode.AUTHORIZATION,
        "no permission on topic {0} (Describe, Write)",
    ),
    LogPattern(
        r"TopicAuthorizationFailed",
        OutageCode.AUTHORIZATION,
        "no permission on the topic (Describe, Write)",
    ),
    LogPattern(
        r"ClusterAuthorizationFailed",
        OutageCode.AUTHORIZATION,
        NO_PERMISSION_TO_PRODUCE,
    ),
    LogPattern(r"Topic (\S+) not found", OutageCode.TOPIC, "topic {0} does not exist"),
    LogPattern(
        r"UnknownTopicOrPartition", OutageCode.TOPIC, "the topic or its partition does not exist"
    ),
    LogPattern(
        r"NotEnoughReplicas", OutageCode.REPLICAS, "too few replicas of the partition are up"
    ),
    LogPattern(
        r"DNS lookup failed for (\S+),", OutageCode.NAME, "the name of {0} cannot be resolved"
    ),
    LogPattern(r"ECONNREFUSED", OutageCode.REFUSED, "connection refused"),
    LogPattern(r"ENETUNREACH|EHOSTUNREACH", OutageCode.UNREACHABLE, "no route to the broker"),
    LogPattern(
        r"IncompatibleBrokerVersion",
        OutageCode.PROTOCOL,
        "this is not a Kafka broker's client listener",
    ),
    LogPattern(
        r"Connection timed out", OutageCode.UNREACHABLE, "no answer to a connection attempt"
    ),
    LogPattern(
        DISCONNECTED, OutageCode.TLS, "the broker closes the connection (TLS or SASL expected?)"
    ),
    LogPattern(
        r"timed out|Timed out|Timeout",
        OutageCode.UNREACHABLE,
        "connected or connecting, but no answer in time",
    ),
    LogPattern(
        r"throttled by broker \((\d+) ms\)",
        OutageCode.THROTTLED,
        "the broker throttles this client: it asks to wait {0} ms. A quota of the cluster, for "
        "its user or for the client id dubhe-sidecar, is exceeded",
    ),
)


def throttling(milliseconds: int) -> str:
    """Return the text about a broker that asks to wait for so long."""
    return PATTERNS[-1].text.format(milliseconds)


class ClientLogHandler(logging.Handler):
    """Reads kafka-python's log and keeps the most telling reason since `reset`.

    Args:
        sasl: whether the client authenticates itself.
    """

    def __init__(self, *, sasl: bool = False) -> None:
        super().__init__(logging.WARNING)
        self._sasl = sasl
        self._disconnects = 0
        self._mutex = threading.Lock()
        self._best: tuple[int, OutageReason] | None = None
        self.throttled: tuple[int, float] | None = None
        """The last time for which the broker asked to wait, in milliseconds, and when (monotonic).
        It outlives `reset`: throttling slows delivery, and does not fail an attempt."""
        self.credentials_refused: OutageReason | None = None
        """Set once the log shows that the cluster refuses our credentials."""

    def install(self) -> None:
        """Start to read, and keep the lines out of the sidecar's own log."""
        source = logging.getLogger("kafka")
        if self not in source.handlers:
            source.addHandler(self)
        source.propagate = False

    def remove(self) -> None:
        """Stop to read."""
        logging.getLogger("kafka").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Evaluate one line. Called by whatever thread logs."""
        line = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            line = f"{line}: {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        for rank, (pattern, code, text, refused) in enumerate(PATTERNS):
            if found := re.search(pattern, line):
                reason = OutageReason(code, text.format(*found.groups()))
                with self._mutex:
                    if code is OutageCode.THROTTLED:
                        self.throttled = int(found[1]), time.monotonic()
                    if self._sasl and pattern == DISCONNECTED:
                        reason = CLOSED_DURING_AUTHENTICATION
                        # three loggers report each disconnect; this is the first
                        self._disconnects += record.name.endswith(".transport")
                        refused = self._disconnects >= REFUSED_AFTER
                    if self._best is None or rank <= self._best[0]:
                        self._best = (rank, reason)
                    if refused:
                        self.credentials_refused = reason
                return

    @property
    def reason(self) -> OutageReason | None:
        """The most telling reason that was logged."""
        with self._mutex:
            return self._best[1] if self._best else None

    def reset(self) -> None:
        """Forget what was logged before: it belongs to another attempt."""
        with self._mutex:
            self._best = self.credentials_refused = None
            self._disconnects = 0
