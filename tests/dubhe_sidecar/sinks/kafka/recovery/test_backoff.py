"""Pauses between attempts."""

from __future__ import annotations

from dubhe_sidecar.sinks.kafka.recovery.backoff import ReconnectBackoff


def test_backoff_grows_to_its_limit() -> None:
    backoff = ReconnectBackoff(5.0, 60.0)
    pauses = [backoff.next_pause() for _ in range(6)]
    assert 5 <= pauses[0] <= 6.25 and 10 <= pauses[1] <= 12.5 and pauses[5] == 60
    backoff.reset()
    assert backoff.next_pause() <= 6.25
