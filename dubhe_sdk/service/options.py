"""Options of the service, from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dubhe_sdk import environment
from dubhe_sdk.launch.options import ONCE_VARIABLE
from dubhe_sdk.launch.shutdown_times import ShutdownTimes, read_shutdown_times

REQUEST_VARIABLE = "DUBHE_REQUEST"


@dataclass(frozen=True)
class ServiceOptions:
    """``DUBHE_INFERENCE_CONCURRENCY``, ``DUBHE_INFERENCE_QUEUE``, ``DUBHE_INFERENCE_WORKERS``,
    ``DUBHE_REQUEST``, ``DUBHE_ONCE`` and those of `read_shutdown_times`.
    """

    inference_concurrency: int
    """Inferences that run at once in a model process, each in a thread of it; 1 to 256."""
    inference_queue: int
    """Inferences that may wait beyond those; one more is refused at once; 0 to 100 000."""
    shutdown: ShutdownTimes
    """After a stop signal."""
    inference_workers: int
    """Model processes of an inference instance, each with the class constructed; 1 to 64."""
    request: Path | None = None
    """The file with the start request of the task that begins by itself."""
    once: bool = False
    """Whether the service ends with its first task."""


def read_service_options(env: Mapping[str, str]) -> ServiceOptions:
    """Read the options.

    Raises:
        EnvironmentInvalid: one of them is malformed, or two do not fit.
    """
    request = environment.text(env, REQUEST_VARIABLE)
    return ServiceOptions(
        inference_concurrency=environment.number(
            env, "DUBHE_INFERENCE_CONCURRENCY", 1, low=1, high=256
        ),
        inference_queue=environment.number(env, "DUBHE_INFERENCE_QUEUE", 1000, low=0, high=100_000),
        shutdown=read_shutdown_times(env),
        inference_workers=environment.number(env, "DUBHE_INFERENCE_WORKERS", 1, low=1, high=64),
        request=Path(request) if request else None,
        once=environment.flag(env, ONCE_VARIABLE),
    )
