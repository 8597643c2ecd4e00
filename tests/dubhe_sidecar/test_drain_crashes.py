"""A crash at any step loses nothing and repeats nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar import dead_letters
from tests.dubhe_sdk.spool.helpers import (
    segments,
)
from tests.dubhe_sidecar.drain_helpers import ends, put, run, totals
from tests.dubhe_sidecar.helpers import Topic


class Crash(BaseException):
    """The process is gone; only what is on disk and in the topic stays."""


class Countdown:
    """Raises `Crash` at the n-th step; never if n is 0."""

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self.steps = 0

    def __call__(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Crash


def _crashable(monkeypatch) -> Callable[[Countdown], None]:
    """Have every change of the disk be a step, too."""
    current: list[Countdown] = [Countdown()]

    def stepping(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def call(*args, **kwargs):
            current[0]()
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    for name in ("write", "fsync"):
        stepping(os, name)
    for name in ("rename", "unlink"):
        stepping(Path, name)
    monkeypatch.setattr("dubhe_sidecar.drain._SAVE_SECONDS", 0.0)
    return lambda countdown: current.__setitem__(0, countdown)


@pytest.fixture
def crashable(monkeypatch) -> Callable[[Countdown], None]:
    return _crashable(monkeypatch)


def lay_out(directory: Path) -> None:
    """A killed service with a rank, several segments, drops, damage, and a record to refuse.

    Behind it the next run of the same instance.
    """
    directory.mkdir()
    put(directory, "service", 1, [Kind.READY, Kind.START], time_ns=1, dropped=1)
    put(directory, "service", 2, [], dropped=10)
    put(directory, "service", 3, [Kind.PROGRESS] * 3, seq=3, time_ns=20, dropped=100)
    put(directory, "rank", 1, [], dropped=1000)
    torn = put(directory, "rank", 2, [Kind.PROGRESS, Kind.RESULT, Kind.RESULT], time_ns=10)
    with torn.open("ab") as file:
        file.write(b"\xd8\xbe torn")
    put(directory, "rank", 3, [Kind.RESULT], seq=4, time_ns=30)
    put(directory, "next", 1, [Kind.READY, Kind.START, Kind.END], time_ns=40, service="next")


EXPECTED = [
    *[("service", 1), ("service", 2), ("rank", 1), ("rank", 2)],
    *[("service", 3), ("service", 4), ("service", 5), ("rank", 4), ("service", 6)],
    *[("next", 1), ("next", 2), ("next", 3)],
]


def refuse(one) -> str | None:
    return "too large" if (one.stream, one.seq) == ("rank", 3) else None


def crash_at(directory: Path, topic: Topic, countdown: Countdown, crashable) -> bool:
    """Run a drain to its end or its crash; return whether it came to its end."""
    crashable(countdown)
    try:
        run(directory, topic, rejects=refuse, step=countdown)
    except Crash:
        return False
    finally:
        crashable(Countdown())
    return True


def check(directory: Path, topic: Topic) -> None:
    assert topic.identities == EXPECTED
    assert ends(topic) == ["service", "next"]
    assert segments(directory) == []
    assert [(e["stream"], e["seq"]) for e in dead_letters.read(directory)] == [("rank", 3)]
    counted = totals(directory)
    assert (counted.delivered, counted.rejected) == (12, 1)
    assert (counted.dropped, counted.skipped_bytes) == (1111, 7)
    assert cursors.load(directory).streams == {}


@pytest.mark.slow
def test_a_crash_at_any_step_loses_nothing_and_repeats_nothing(tmp_path, crashable):
    whole = Countdown()
    lay_out(tmp_path / "whole")
    topic = Topic()
    assert crash_at(tmp_path / "whole", topic, whole, crashable)
    check(tmp_path / "whole", topic)
    assert whole.steps > 60
    for at in range(1, whole.steps + 1):
        directory, topic = tmp_path / str(at), Topic()
        lay_out(directory)
        assert not crash_at(directory, topic, Countdown(at), crashable)
        assert crash_at(directory, topic, Countdown(), crashable)
        assert crash_at(directory, topic, Countdown(), crashable)
        check(directory, topic)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(crashes=st.lists(st.integers(1, 70), max_size=10))
def test_crash_after_crash_loses_nothing_and_repeats_nothing(tmp_path_factory, crashes):
    with pytest.MonkeyPatch.context() as monkeypatch:
        crashable = _crashable(monkeypatch)
        directory, topic = tmp_path_factory.mktemp("crashes") / "spool", Topic()
        lay_out(directory)
        for at in crashes:
            crash_at(directory, topic, Countdown(at), crashable)
        assert crash_at(directory, topic, Countdown(), crashable)
        assert crash_at(directory, topic, Countdown(), crashable)
        check(directory, topic)
