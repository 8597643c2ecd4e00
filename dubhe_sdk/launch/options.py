"""Time limits of the container parent, from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dubhe_sdk import environment


@dataclass(frozen=True)
class LaunchOptions:
    """``DUBHE_GRACE_SECONDS`` and ``DUBHE_DRAIN_SECONDS``."""

    grace_seconds: float
    """After a stop signal, all in all: docker stop kills after 10 s."""
    drain_seconds: float
    """For the drain, when the algorithm has ended by itself."""


def read_options(env: Mapping[str, str]) -> LaunchOptions:
    """Read the options.

    Raises:
        EnvironmentInvalid: one of them is malformed.
    """
    return LaunchOptions(
        grace_seconds=environment.seconds(env, "DUBHE_GRACE_SECONDS", 9.0),
        drain_seconds=environment.seconds(env, "DUBHE_DRAIN_SECONDS", 30.0),
    )
