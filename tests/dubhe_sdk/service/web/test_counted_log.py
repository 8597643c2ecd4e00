from __future__ import annotations

import logging

import pytest

from dubhe_sdk.service.web import counted_log
from dubhe_sdk.service.web.counted_log import CountedLog


def test_the_first_is_logged_and_the_others_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(counted_log.time, "monotonic", lambda: now[0])
    counted = CountedLog(logging.getLogger("test_counted_log"), "scans")
    for number in range(50):
        counted.add(f"from host {number}")
    now[0] += 60
    counted.add("from elsewhere")
    assert [record.getMessage() for record in caplog.records] == [
        "scans: 1, the last from host 0",
        "scans: 50, the last from elsewhere",
    ]
