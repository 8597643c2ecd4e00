"""How long a container may take to end."""

from __future__ import annotations

from collections.abc import Mapping

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.launch.shutdown_times import read_shutdown_times

# Beyond what the container gives itself (DUBHE_SHUTDOWN_TIMEOUT_SECONDS).
_MARGIN_S = 1.0


def grace_of(environment: Mapping[str, str]) -> float:
    """Return the seconds between SIGTERM and SIGKILL: what the container takes, and a margin.

    Args:
        environment: the container's.
    """
    try:
        given = read_shutdown_times(environment)
    except EnvironmentInvalid:  # the container will refuse it too, and end
        given = read_shutdown_times({})
    return given.total + _MARGIN_S
