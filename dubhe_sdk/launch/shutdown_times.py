"""`ShutdownTimes`: how the time of a whole shutdown is divided, from the environment.

A container's end has a limit that somebody else sets: `docker stop` kills after 10 s. Within it the
task saves a checkpoint, service and web front end, and the last messages are delivered, in turn.
Whatever the limit is, each gets a share: that of the defaults, and the latter two no more than
there, so that a longer limit is the task's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dubhe_sdk import environment
from dubhe_sdk.errors import EnvironmentInvalid

SHUTDOWN_VARIABLE = "DUBHE_SHUTDOWN_TIMEOUT_SECONDS"
TASK_STOP_VARIABLE = "DUBHE_TASK_STOP_TIMEOUT_SECONDS"

_DEFAULT_SECONDS = 9.0
_DELIVERY_SECONDS = 2.5
_SERVICE_SECONDS = 1.5
_LEAST_SECONDS = 0.5  # with less, not even an idle service would end in order
_MOST_TASK_SECONDS = 3600.0
_WEB_SECONDS = 3.0


@dataclass(frozen=True)
class ShutdownTimes:
    """Durations in seconds; all but ``total`` are parts of it."""

    total: float
    """The whole shutdown, from the stop signal until the container has ended."""
    task: float
    """What a running task gets before it is killed."""
    service: float
    """What the service gets after that, before it is killed."""
    delivery: float
    """What is left then for the delivery of the last messages."""
    web: float
    """What running requests of the web front get before it is killed."""


def read_shutdown_times(env: Mapping[str, str]) -> ShutdownTimes:
    """Read ``DUBHE_SHUTDOWN_TIMEOUT_SECONDS`` and ``DUBHE_TASK_STOP_TIMEOUT_SECONDS``.

    If only one is set, the other one follows from it.

    Raises:
        EnvironmentInvalid: one of them is malformed, or the task's does not fit the whole.

    Examples:
        >>> read_shutdown_times({"DUBHE_SHUTDOWN_TIMEOUT_SECONDS": "60"}).task
        56.0
        >>> read_shutdown_times({"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "60"}).total
        64.0
    """
    others = _DELIVERY_SECONDS + _SERVICE_SECONDS
    task = environment.seconds(env, TASK_STOP_VARIABLE, -1.0, high=_MOST_TASK_SECONDS)
    total = environment.seconds(
        env, SHUTDOWN_VARIABLE, max(_DEFAULT_SECONDS, task + others), low=_LEAST_SECONDS
    )
    share = min(1.0, total / _DEFAULT_SECONDS)
    longest = total - share * others
    if task > longest + 1e-6:
        raise EnvironmentInvalid(
            f"environment variable {TASK_STOP_VARIABLE} is {task:g}, but the whole shutdown has "
            f"{total:g} s ({SHUTDOWN_VARIABLE}), of which the task gets at most {longest:.3g}: "
            f"raise {SHUTDOWN_VARIABLE} to {max(_DEFAULT_SECONDS, task + others):g}, and the limit "
            f"of the container runtime above it; or set only one of the two. Both belong to the "
            "container's environment, not into run.sh"
        )
    return ShutdownTimes(
        total=total,
        task=min(longest, _MOST_TASK_SECONDS) if task < 0 else task,
        service=share * _SERVICE_SECONDS,
        delivery=share * _DELIVERY_SECONDS,
        web=share * _WEB_SECONDS,
    )
