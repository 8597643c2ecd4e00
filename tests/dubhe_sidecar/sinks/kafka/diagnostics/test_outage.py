"""Reporting an outage."""

from __future__ import annotations

import logging
import time

import pytest

from dubhe_sidecar.sinks.base import OutageCode, OutageReason
from dubhe_sidecar.sinks.kafka.diagnostics.outage import OutageTracker

REFUSED = OutageReason(OutageCode.REFUSED, "refused")
NO_ANSWER = OutageReason(OutageCode.UNREACHABLE, "no answer")


def test_one_line_per_reason(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    outage = OutageTracker("kafka a:1")
    with caplog.at_level(logging.INFO, "dubhe_sidecar"):
        for _ in range(50):
            outage.report(REFUSED)
        assert len(caplog.records) == 1
        outage.report(NO_ANSWER)
        assert len(caplog.records) == 2
        now += 61
        outage.report(NO_ANSWER)
        outage.report(NO_ANSWER)
        assert len(caplog.records) == 3
        assert outage.current is not None and outage.current.code is OutageCode.UNREACHABLE
        assert "kafka a:1: no answer (since " in outage.current.text
        assert "for 61 s" in outage.current.text
        outage.end()
        outage.end()
    assert outage.current is None
    assert caplog.records[-1].getMessage() == "kafka a:1: delivering again after 61 s"
