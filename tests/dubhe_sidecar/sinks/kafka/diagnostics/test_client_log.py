"""Reasons of outages, from lines that kafka-python logs."""

from __future__ import annotations

import logging

import pytest

from dubhe_sidecar.sinks.base import OutageCode
from dubhe_sidecar.sinks.kafka.diagnostics.client_log import PATTERNS, ClientLogHandler


@pytest.fixture
def handler() -> ClientLogHandler:
    return ClientLogHandler()


def log(handler: ClientLogHandler, line: str) -> None:
    handler.emit(logging.makeLogRecord({"msg": line, "levelno": logging.WARNING}))


def text(handler: ClientLogHandler) -> str:
    return handler.reason.text if handler.reason else ""


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
def test_lines(handler: ClientLogHandler, line: str, reason: str, refused: bool) -> None:
    log(handler, line)
    assert text(handler).startswith(reason)
    assert bool(handler.credentials_refused) is refused


def test_the_cause_is_kept_not_its_consequences(handler: ClientLogHandler) -> None:
    for line in ("socket disconnected", "DNS lookup failed for a:1, x", "socket disconnected"):
        log(handler, line)
    assert text(handler) == "the name of a:1 cannot be resolved"
    handler.reset()
    assert handler.reason is None


def test_disconnects_during_authentication() -> None:
    handler = ClientLogHandler(sasl=True)
    for _ in range(5):
        for name in ("kafka.net.transport", "kafka.net.connection"):
            line = {"name": name, "msg": "x: socket disconnected", "levelno": logging.ERROR}
            handler.emit(logging.makeLogRecord(line))
    assert "wrong user name or password" in text(handler)
    assert handler.credentials_refused is None  # may be a broker that restarts
    handler.emit(logging.makeLogRecord({**line, "name": "kafka.net.transport"}))
    assert handler.credentials_refused


def test_every_pattern_has_a_code_of_its_own_kind() -> None:
    assert all(one.code is not OutageCode.OTHER for one in PATTERNS)
    assert {one.code for one in PATTERNS if one.refuses_credentials} == {OutageCode.AUTHENTICATION}
