"""Reasons of outages, from the network."""

from __future__ import annotations

import pytest

from dubhe_sidecar.sinks.base import OutageCode
from dubhe_sidecar.sinks.kafka.diagnostics.probe import unreachable
from dubhe_sidecar.sinks.kafka.settings import servers


@pytest.mark.parametrize(
    ("brokers", "code", "text"),
    [
        ("127.0.0.1:1", OutageCode.REFUSED, "127.0.0.1:1: connection refused"),
        ("no.invalid:9092", OutageCode.NAME, "no.invalid:9092: the name cannot be resolved"),
        ("127.0.0.1:1,no.invalid:9092", OutageCode.NAME, "refused; no.invalid:9092"),
    ],
)
def test_why_no_broker_can_be_reached(brokers: str, code: OutageCode, text: str) -> None:
    reason = unreachable(servers(brokers))
    assert reason is not None
    assert reason.code is code
    assert text in reason.text
