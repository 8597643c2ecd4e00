"""Time limits of the container parent, from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dubhe_sdk import environment
from dubhe_sdk.launch.shutdown_times import ShutdownTimes, read_shutdown_times


@dataclass(frozen=True)
class LaunchOptions:
    """``DUBHE_DRAIN_TIMEOUT_SECONDS`` and those of `read_shutdown_times`."""

    shutdown: ShutdownTimes
    """After a stop signal."""
    drain_timeout_seconds: float
    """Longest time of the delivery after the algorithm has ended by itself."""


def read_launch_options(env: Mapping[str, str]) -> LaunchOptions:
    """Read the options.

    Raises:
        EnvironmentInvalid: one of them is malformed, or two do not fit.
    """
    return LaunchOptions(
        shutdown=read_shutdown_times(env),
        drain_timeout_seconds=environment.seconds(env, "DUBHE_DRAIN_TIMEOUT_SECONDS", 30.0),
    )
