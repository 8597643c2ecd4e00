"""Time limits of the container parent, from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dubhe_sdk import environment
from dubhe_sdk.launch.shutdown_times import ShutdownTimes, read_shutdown_times

# The service ends with its first task: `dubhe serve --once`.
ONCE_VARIABLE = "DUBHE_ONCE"

_DRAIN_SECONDS = 30.0
_LONGEST_DRAIN_SECONDS = 86400.0


@dataclass(frozen=True)
class LaunchOptions:
    """``DUBHE_DRAIN_TIMEOUT_SECONDS``, ``DUBHE_ONCE`` and those of `read_shutdown_times`."""

    shutdown: ShutdownTimes
    """After a stop signal."""
    drain_timeout_seconds: float
    """Longest time of the delivery after the algorithm has ended by itself."""
    once: bool
    """Whether it is a single task, with nobody to start a successor that delivers the rest."""


def read_launch_options(env: Mapping[str, str]) -> LaunchOptions:
    """Read the options.

    Raises:
        EnvironmentInvalid: one of them is malformed, or two do not fit.
    """
    once = environment.flag(env, ONCE_VARIABLE)
    return LaunchOptions(
        shutdown=read_shutdown_times(env),
        drain_timeout_seconds=environment.seconds(
            env,
            "DUBHE_DRAIN_TIMEOUT_SECONDS",
            _LONGEST_DRAIN_SECONDS if once else _DRAIN_SECONDS,
            high=_LONGEST_DRAIN_SECONDS,
        ),
        once=once,
    )
