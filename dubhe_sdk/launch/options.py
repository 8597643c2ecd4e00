"""Time limits of the container parent, from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dubhe_sdk import environment


@dataclass(frozen=True)
class LaunchOptions:
    """``DUBHE_SHUTDOWN_TIMEOUT_SECONDS`` and ``DUBHE_DRAIN_TIMEOUT_SECONDS``."""

    shutdown_timeout_seconds: float
    """Longest time of a whole shutdown after a stop signal; `docker stop` kills after 10 s."""
    drain_timeout_seconds: float
    """Longest time of the delivery after the algorithm has ended by itself."""


def read_launch_options(env: Mapping[str, str]) -> LaunchOptions:
    """Read the options.

    Raises:
        EnvironmentInvalid: one of them is malformed.
    """
    return LaunchOptions(
        shutdown_timeout_seconds=environment.seconds(env, "DUBHE_SHUTDOWN_TIMEOUT_SECONDS", 9.0),
        drain_timeout_seconds=environment.seconds(env, "DUBHE_DRAIN_TIMEOUT_SECONDS", 30.0),
    )
