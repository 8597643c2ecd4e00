"""`ServiceTime`: with a clock of the test's own."""

from __future__ import annotations

import pytest

from dubhe_sdk.service.web.inference import service_time
from dubhe_sdk.service.web.inference.service_time import ServiceTime


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(service_time, "monotonic", clock)
    return clock


def test_it_is_measured_while_there_is_work(clock: Clock) -> None:
    time = ServiceTime()
    assert time.seconds_for(10) is None
    assert time.advice(10) == "send it again later"
    for _ in range(3):
        clock.now += 1000.0  # nothing to do
        time.resume()
        for _ in range(10):
            clock.now += 0.5
            time.add()
    assert time.seconds_for(10) == pytest.approx(5.0)
    assert "about 5 s: send it again after that" in time.advice(10)


def test_a_batch_counts_as_its_requests(clock: Clock) -> None:
    time = ServiceTime()
    time.resume()
    for _ in range(5):
        clock.now += 1.0
        time.add(10)
    assert time.seconds_for(100) == pytest.approx(10.0)


def test_it_follows_a_model_that_becomes_slower(clock: Clock) -> None:
    time = ServiceTime()
    time.resume()
    for seconds in [0.1] * 100 + [1.0] * 100:
        clock.now += seconds
        time.add()
    assert time.seconds_for(10) == pytest.approx(10.0, rel=0.05)


def test_one_that_hangs_is_awaited_longer(clock: Clock) -> None:
    time = ServiceTime()
    time.resume()
    clock.now += 0.1
    time.add()
    clock.now += 30.0
    assert time.seconds_for(10) == pytest.approx(30.0)
