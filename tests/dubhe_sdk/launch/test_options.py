from __future__ import annotations

import pytest

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.launch.options import LaunchOptions, read_launch_options
from dubhe_sdk.launch.shutdown_times import read_shutdown_times


def test_defaults_and_values() -> None:
    assert read_launch_options({}) == LaunchOptions(
        shutdown=read_shutdown_times({}), drain_timeout_seconds=30.0, once=False
    )
    given = {"DUBHE_SHUTDOWN_TIMEOUT_SECONDS": "3", "DUBHE_DRAIN_TIMEOUT_SECONDS": " 0.5 "}
    assert read_launch_options(given) == LaunchOptions(
        shutdown=read_shutdown_times(given), drain_timeout_seconds=0.5, once=False
    )


def test_a_single_task_waits_for_the_delivery_as_long_as_it_takes() -> None:
    assert read_launch_options({"DUBHE_ONCE": "1"}).drain_timeout_seconds == 86400
    given = {"DUBHE_ONCE": "1", "DUBHE_DRAIN_TIMEOUT_SECONDS": "60"}
    assert read_launch_options(given).drain_timeout_seconds == 60


@pytest.mark.parametrize("name", ["DUBHE_SHUTDOWN_TIMEOUT_SECONDS", "DUBHE_DRAIN_TIMEOUT_SECONDS"])
def test_malformed_ones_are_named(name: str) -> None:
    with pytest.raises(EnvironmentInvalid, match=f"{name} is 'soon', expected seconds"):
        read_launch_options({name: "soon"})
