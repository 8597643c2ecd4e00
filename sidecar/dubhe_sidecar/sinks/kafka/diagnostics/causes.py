"""The reason of an outage in words.

kafka-python tells most causes only in its log: a constructor raises the same timeout for a wrong
password, an unknown host and a refused connection, and a running producer raises nothing at all.
So the sink listens to that log, and asks the network itself where the log says too little.

That log is also kept from the sidecar's own: during an outage it is dozens of lines a second.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Iterable

from dubhe_sidecar.sinks.kafka.settings import Server

PROBE_TIMEOUT_S = 2.0

# kafka-python mostly misses a broker's answer to a wrong password: the broker hangs up right
# after it, and the client looks at the hanging up first. So with SASL a few of them in a row say
# as much; a broker that merely restarts soon refuses connections instead.
HANGUP = "socket disconnected"
HANGUPS = 6
HUNG_UP = (
    "the broker hangs up during authentication: wrong user name or password, or it expects "
    "another KAFKA_SASL_MECHANISM or KAFKA_SECURITY_PROTOCOL"
)

# (what kafka-python writes, what it means, whether our credentials are refused). The first that
# fits counts, and of several lines the one that comes first here: the root, not its consequences.
PATTERNS: tuple[tuple[str, str, bool], ...] = (
    (r"SaslAuth\w+: (?:\w+: )*(.+?)(?: \(backoff|$)", "authentication failed: {0}", True),
    (r"SaslAuthenticationFailed", "authentication failed", True),
    (r"UnsupportedSaslMechanism", "the broker does not offer KAFKA_SASL_MECHANISM", True),
    (r"Handshake failed: (.+?)(?: \(backoff|$)", "TLS failed: {0}", False),
    # With TLS 1.3 it is judged after the handshake; to Java's TLS a missing one is a bad one.
    (r"CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|ALERT_CERTIFICATE_\w+|ALERT_UNKNOWN_CA",
     "the broker refuses our client certificate, or there is none: see KAFKA_SSL_CERTFILE", False),
    (r"Topic (\S+) is not authorized", "no permission on topic {0} (Describe, Write)", False),
    (r"TopicAuthorizationFailed", "no permission on the topic (Describe, Write)", False),
    (r"ClusterAuthorizationFailed", "no permission to produce idempotently", False),
    (r"Topic (\S+) not found", "topic {0} does not exist", False),
    (r"UnknownTopicOrPartition", "the topic or its partition does not exist", False),
    (r"NotEnoughReplicas", "too few replicas of the partition are up", False),
    (r"DNS lookup failed for (\S+),", "the name of {0} cannot be resolved", False),
    (r"ECONNREFUSED", "connection refused", False),
    (r"ENETUNREACH|EHOSTUNREACH", "no route to the broker", False),
    (r"IncompatibleBrokerVersion", "this is not a Kafka broker's client listener", False),
    (HANGUP, "the broker closes the connection (TLS or SASL expected?)", False),
    (r"timed out|Timed out|Timeout", "connected or connecting, but no answer in time", False),
)  # fmt: skip


class Listener(logging.Handler):
    """Listens to kafka-python's log and remembers the most telling line since `forget`.

    Args:
        sasl: whether we authenticate ourselves.
    """

    def __init__(self, *, sasl: bool = False) -> None:
        super().__init__(logging.WARNING)
        self._sasl = sasl
        self._hangups = 0
        self._mutex = threading.Lock()
        self._best: tuple[int, str] | None = None
        self.refused: str | None = None
        """Set once the log says that the cluster refuses our credentials."""

    def install(self) -> None:
        """Start to listen, and keep the lines from the sidecar's own log."""
        source = logging.getLogger("kafka")
        if self not in source.handlers:
            source.addHandler(self)
        source.propagate = False

    def remove(self) -> None:
        """Stop to listen."""
        logging.getLogger("kafka").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take notice of one line. Called by whatever thread logs."""
        line = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            line = f"{line}: {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        for rank, (pattern, meaning, refused) in enumerate(PATTERNS):
            if found := re.search(pattern, line):
                said = meaning.format(*found.groups())
                with self._mutex:
                    if self._sasl and pattern == HANGUP:
                        said = HUNG_UP
                        # one hanging up is told by three loggers; this is the first
                        self._hangups += record.name.endswith(".transport")
                        refused = self._hangups >= HANGUPS
                    if self._best is None or rank <= self._best[0]:
                        self._best = (rank, said)
                    if refused:
                        self.refused = said
                return

    @property
    def reason(self) -> str | None:
        """What was heard, in words."""
        with self._mutex:
            return self._best[1] if self._best else None

    def forget(self) -> None:
        """Begin anew: what was said before belongs to another attempt."""
        with self._mutex:
            self._best = self.refused = None
            self._hangups = 0


def unreachable(servers: Iterable[Server]) -> str | None:
    """Return why no server can be connected to, in words; None if one can."""
    reasons = []
    for server in servers:
        host, port = server
        try:
            socket.create_connection((host, port), PROBE_TIMEOUT_S).close()
        except socket.gaierror as error:
            reasons.append(f"{server}: the name cannot be resolved ({error.strerror})")
        except TimeoutError:
            reasons.append(f"{server}: no answer to a connection attempt")
        except OSError as error:
            reasons.append(f"{server}: {(error.strerror or str(error)).lower()}")
        else:
            return None
    return "; ".join(reasons)
