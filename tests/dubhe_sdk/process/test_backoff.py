from __future__ import annotations

import time

import pytest

from dubhe_sdk.process.backoff import RestartBackoff


def test_longer_each_time_and_short_again_after_a_stable_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    backoff = RestartBackoff((0.2, 0.5, 1, 2, 5, 10, 30), stable_seconds=60)
    delays = []
    for _ in range(8):
        backoff.started()
        delays.append(backoff.next_seconds())
    assert delays == [0.2, 0.5, 1, 2, 5, 10, 30, 30]
    backoff.started()
    now += 61
    assert backoff.next_seconds() == 0.2
    assert backoff.restarts == 1
