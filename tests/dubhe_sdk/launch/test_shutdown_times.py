from __future__ import annotations

import pytest

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.launch.shutdown_times import ShutdownTimes, read_shutdown_times


def times(task: str = "", total: str = "") -> ShutdownTimes:
    return read_shutdown_times(
        {"DUBHE_TASK_STOP_TIMEOUT_SECONDS": task, "DUBHE_SHUTDOWN_TIMEOUT_SECONDS": total}
    )


def test_defaults() -> None:
    assert times() == ShutdownTimes(total=9.0, task=5.0, service=1.5, delivery=2.5, web=3.0)


@pytest.mark.parametrize("total", ["0.5", "1", "2.5", "3", "9", "10", "60", "86400"])
def test_whatever_the_limit_is_each_gets_a_share(total: str) -> None:
    found = times(total=total)
    assert found.task >= float(total) / 2 or found.task == 3600
    assert min(found.service, found.delivery, found.web) > 0
    assert found.task + found.service + found.delivery <= found.total + 1e-6
    assert found.web < found.task


@pytest.mark.parametrize(("task", "total"), [("0", 9), ("5", 9), ("50", 54), ("3600", 3604)])
def test_the_whole_follows_from_the_task_s(task: str, total: float) -> None:
    found = times(task=task)
    assert found.total == total
    assert found.task == float(task)


def test_both_that_fit() -> None:
    assert times("50", "55").task == 50
    assert times("5", "9") == times()
    assert times("1.6", "3").task == 1.6


@pytest.mark.parametrize(("task", "total"), [("5.1", "9"), ("60", "60"), ("5", "3"), ("60", "9")])
def test_both_that_do_not_fit(task: str, total: str) -> None:
    with pytest.raises(EnvironmentInvalid) as raised:
        times(task, total)
    text = str(raised.value)
    assert f"DUBHE_TASK_STOP_TIMEOUT_SECONDS is {task}" in text
    assert f"has {total} s (DUBHE_SHUTDOWN_TIMEOUT_SECONDS)" in text


@pytest.mark.parametrize("total", ["0", "0.4", "soon", "-1"])
def test_what_cannot_work_is_refused(total: str) -> None:
    with pytest.raises(EnvironmentInvalid, match=r"expected seconds from 0\.5 to 86400"):
        times(total=total)
