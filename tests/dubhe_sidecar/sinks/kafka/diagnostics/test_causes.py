"""Words for what kafka-python only logs."""

from __future__ import annotations

import logging
import time

import pytest

from dubhe_sidecar.sinks.kafka.diagnostics.causes import Listener, unreachable
from dubhe_sidecar.sinks.kafka.diagnostics.outage import Backoff, Trouble
from dubhe_sidecar.sinks.kafka.errors import Fault, fault, kafka_errors, words
from dubhe_sidecar.sinks.kafka.settings import servers


@pytest.fixture
def listener() -> Listener:
    return Listener()


def say(listener: Listener, line: str) -> None:
    listener.emit(logging.makeLogRecord({"msg": line, "levelno": logging.WARNING}))


@pytest.mark.parametrize(
    ("line", "reason", "refused"),
    [
        (
            "failed: [Error 58] SaslAuthenticationFailedError: SaslAuthenticationFailedError: "
            "Authentication failed: Invalid username or password (backoff 0.04 secs)",
            "authentication failed: Authentication failed: Invalid username or password",
            True,
        ),
        ("[Error 33] UnsupportedSaslMechanismError", "the broker does not offer", True),
        ("Handshake failed: [SSL: CERTIFICATE_VERIFY_FAILED] x", "TLS failed: [SSL: CERT", False),
        (
            "Connection lost: KafkaConnectionError: [SSL: SSLV3_ALERT_BAD_CERTIFICATE] sslv3 alert",
            "the broker refuses our client certificate, or there is none: see KAFKA_SSL_CERTFILE",
            False,
        ),
        ("DNS lookup failed for a.b:9092, gaierror(-2)", "the name of a.b:9092 cannot", False),
        ("KafkaConnectionError: 111 ECONNREFUSED", "connection refused", False),
        ("Topic nope not found in cluster metadata", "topic nope does not exist", False),
    ],
)
def test_lines(listener: Listener, line: str, reason: str, refused: bool) -> None:
    say(listener, line)
    assert (listener.reason or "").startswith(reason)
    assert bool(listener.refused) is refused


def test_the_root_is_told_not_its_consequences(listener: Listener) -> None:
    for line in ("socket disconnected", "DNS lookup failed for a:1, x", "socket disconnected"):
        say(listener, line)
    assert listener.reason == "the name of a:1 cannot be resolved"
    listener.forget()
    assert listener.reason is None


def test_hanging_up_during_authentication() -> None:
    listener = Listener(sasl=True)
    for _ in range(5):
        for name in ("kafka.net.transport", "kafka.net.connection"):
            line = {"name": name, "msg": "x: socket disconnected", "levelno": logging.ERROR}
            listener.emit(logging.makeLogRecord(line))
    assert "wrong user name or password" in (listener.reason or "")
    assert listener.refused is None  # may be a broker that restarts
    listener.emit(logging.makeLogRecord({**line, "name": "kafka.net.transport"}))
    assert listener.refused


def test_unreachable() -> None:
    assert "127.0.0.1:1: connection refused" in (unreachable(servers("127.0.0.1:1")) or "")
    assert "cannot be resolved" in (unreachable(servers("no.invalid:9092")) or "")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (kafka_errors.MessageSizeTooLargeError("x"), Fault.RECORD),
        (kafka_errors.TopicAuthorizationFailedError("t"), Fault.REFUSED),
        (kafka_errors.SaslAuthenticationFailedError("x"), Fault.REFUSED),
        (kafka_errors.UnknownTopicOrPartitionError(None), Fault.AWAY),
        (kafka_errors.KafkaTimeoutError("x"), Fault.AWAY),
        (ConnectionResetError("x"), Fault.AWAY),
        (kafka_errors.OutOfOrderSequenceNumberError(None), Fault.UNEXPLAINED),
        (kafka_errors.KafkaError("x"), Fault.UNEXPLAINED),
    ],
)
def test_faults(error: Exception, kind: Fault) -> None:
    assert fault(error) is kind
    assert words(error)


def test_one_line_per_reason(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    trouble = Trouble("kafka a:1")
    with caplog.at_level(logging.INFO, "dubhe_sidecar"):
        for _ in range(50):
            trouble.note("refused")
        assert len(caplog.records) == 1
        trouble.note("no answer")
        assert len(caplog.records) == 2
        now += 61
        trouble.note("no answer")
        trouble.note("no answer")
        assert len(caplog.records) == 3
        assert "kafka a:1: no answer (since " in (trouble.text or "")
        assert "for 61 s" in (trouble.text or "")
        trouble.over()
        trouble.over()
    assert trouble.text is None
    assert caplog.records[-1].getMessage() == "kafka a:1: delivering again after 61 s"


def test_backoff_grows_to_its_limit() -> None:
    backoff = Backoff(5.0, 60.0)
    pauses = [backoff.pause() for _ in range(6)]
    assert 5 <= pauses[0] <= 6.25 and 10 <= pauses[1] <= 12.5 and pauses[5] == 60
    backoff.reset()
    assert backoff.pause() <= 6.25
