"""Brokers that the cluster announces and nobody reaches: which, why, and what to change."""

from __future__ import annotations

import pytest

from dubhe_sidecar.sinks.base import OutageCode, OutageReason
from dubhe_sidecar.sinks.kafka.diagnostics.announced import announced_unreachable
from dubhe_sidecar.sinks.kafka.settings import Server, servers

ASKED = servers("10.0.0.5:9092")


@pytest.mark.parametrize(
    ("server", "why", "texts"),
    [
        (
            Server(("kafka", 9092)),
            OutageReason(OutageCode.NAME, "the name cannot be resolved (x)"),
            ["kafka:9092: the name cannot be resolved", "the same Docker network"],
        ),
        (
            Server(("localhost", 9092)),
            OutageReason(OutageCode.REFUSED, "connection refused at 127.0.0.1:9092"),
            ["localhost:9092: connection refused", "this host", "the host and port at which"],
        ),
        (
            Server(("10.9.9.9", 9092)),
            OutageReason(OutageCode.UNREACHABLE, "no answer to a connection attempt"),
            ["10.9.9.9:9092: no answer", "firewall"],
        ),
    ],
)
def test_the_text_names_who_announced_what_and_what_to_change(
    server: Server, why: OutageReason, texts: list[str]
) -> None:
    reason = announced_unreachable({server: why}, ASKED)
    assert reason is not None
    assert reason.code is OutageCode.ADVERTISED
    for text in (*texts, "announces (advertised.listeners)"):
        assert text in reason.text
    assert ("this host" in reason.text) is (server[0] == "localhost")


def test_a_bootstrap_server_is_not_announced() -> None:
    refused = OutageReason(OutageCode.REFUSED, "connection refused")
    assert announced_unreachable({ASKED[0]: refused}, ASKED) is None
    assert announced_unreachable({}, ASKED) is None
