"""What is reported to a tracker is reported to the platform, and the tracker is given back."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dubhe_sdk import Context
from dubhe_sdk.api import stopping
from dubhe_sdk.integrations import bridge as module
from dubhe_sdk.integrations.bridge import Bridge

Reported = Callable[[], list[Any]]


class Tracker:
    def log(self, data: dict[str, Any]) -> str:
        return "logged"


class Special(Tracker):
    pass


@pytest.fixture(autouse=True)
def no_bridge_of_another_test() -> Iterator[None]:
    yield
    for one in module._active.values():
        one.close()
    module._active.clear()


def test_steps_become_progress_and_epochs(ctx: Context, reported: Reported) -> None:
    with Bridge("tracker", ctx, steps=4, steps_per_epoch=2) as bridge:
        for step in range(4):
            bridge.report({"loss": 1.0 / (step + 1)}, step)
    assert reported() == [
        {"loss": 1.0, "progress": 0.25, "epoch": 0},
        {"loss": 0.5, "progress": 0.5, "epoch": 0},
        {"loss": 1 / 3, "progress": 0.75, "epoch": 1},
        {"loss": 0.25, "progress": 0.999, "epoch": 1},
        {"progress": 1.0},
    ]


def test_without_steps_progress_is_the_algorithm_s(ctx: Context, reported: Reported) -> None:
    with Bridge("tracker", ctx) as bridge:
        ctx.logProgress(0.5)
        bridge.report({"loss": 1}, 7)
    assert reported()[1:] == [{"loss": 1, "progress": 0.5, "epoch": 7}, {"progress": 1.0}]


def test_steps_are_counted_where_they_are_not_given(ctx: Context, reported: Reported) -> None:
    with Bridge("tracker", ctx) as bridge:
        bridge.report({"a": 1})
        bridge.report({"a": 1}, complete=False)
        bridge.report({"b": 1})
        bridge.report({"a": 1}, 9)
        bridge.report({"a": 1}, math.nan)
    assert [one.get("epoch") for one in reported()] == [0, 1, 1, 9, 10, None]


def test_numbers_alone_and_the_epoch_by_its_name(ctx: Context, reported: Reported) -> None:
    with Bridge("tracker", ctx) as bridge:
        bridge.report(
            {"epoch": 3, "val": {"loss": 1, "name": "x"}, "image": object(), "nan": math.nan}
        )
        bridge.report({"image": object()})
    first, *rest = reported()
    assert first == {"val/loss": 1, "nan": "NaN", "progress": 0, "epoch": 3}
    assert rest == [{"progress": 1.0}]


def test_a_stop_or_a_failure_is_no_end(
    ctx: Context, reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ZeroDivisionError), Bridge("tracker", ctx):
        1 // 0  # noqa: B018
    monkeypatch.setattr(stopping, "_asked", True)
    with Bridge("tracker", ctx):
        pass
    assert reported() == []


def test_methods_and_environment_are_given_back(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRACKER_MODE", raising=False)
    original = Tracker.log
    with Bridge("tracker", ctx) as bridge:
        for owner in (Tracker, Special):
            bridge.replace(owner, "log", lambda method: lambda self, data: method(self, data) + "!")
        bridge.set_default("TRACKER_MODE", "offline")
        bridge.set_default("PATH", "offline")
        assert os.environ["TRACKER_MODE"] == "offline" != os.environ["PATH"]
        assert (Tracker().log({}), Special().log({})) == ("logged!", "logged!!")
    assert Tracker.log is original and "log" not in vars(Special)
    assert "TRACKER_MODE" not in os.environ


def test_a_method_that_somebody_has_kept_reports_nothing_afterwards(
    ctx: Context, reported: Reported
) -> None:
    with Bridge("tracker", ctx) as bridge:
        pass
    bridge.report({"loss": 1}, 0)
    assert reported() == [{"progress": 1.0}]


def test_the_next_one_takes_the_place_of_one_that_was_left_open(ctx: Context) -> None:
    original = Tracker.log
    Bridge("tracker", ctx).replace(Tracker, "log", lambda method: lambda *_: "first")
    with Bridge("tracker", ctx):
        assert Tracker.log is original
