"""How a platform runs, as the command line decides it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from dubhe_sdk.environment import DEFAULT_TOPIC_RESULT, DEFAULT_TOPIC_STATUS
from dubhe_simulator.algorithm.dataset import NO_DATA, Dataset
from dubhe_simulator.client.address import Address
from dubhe_simulator.instances.backend import InstanceBackend


@dataclass(frozen=True)
class RunConfig:
    """How the platform is to run.

    Attributes:
        runs: folder of the platform's database and of the instances that it starts.
        backend: where it can start instances; None to watch and attach only.
        dataset: the data that requests name.
        brokers: Kafka's, or None for embedded journals.
        topics: of status and of results.
        skip_history: ignore what lay in Kafka before the platform ran for the first time.
        images: folders below which images may be shown.
        attach: instances that run already.
        special_params: business parameters, where a request for an instance names none.
        ready_timeout_s: seconds for an instance to become ready.
        task_timeout_s: seconds for a training or an evaluation; None: no limit.
        adopt: whether instances that an earlier platform on the same folder has left running go
            on here, if they can; if not, they are ended.
        outage_timeout_s: seconds after which a task fails if messages cannot be read; None: never.
    """

    runs: Path
    backend: InstanceBackend | None = None
    dataset: Dataset = NO_DATA
    brokers: str | None = None
    topics: tuple[str, str] = (DEFAULT_TOPIC_STATUS, DEFAULT_TOPIC_RESULT)
    skip_history: bool = False
    images: tuple[Path, ...] = ()
    attach: tuple[Address, ...] = ()
    special_params: Mapping[str, Any] = field(default_factory=dict)
    ready_timeout_s: float = 300.0
    task_timeout_s: float | None = None
    adopt: bool = True
    outage_timeout_s: float | None = None


def new_run_folder(runs: Path) -> Path:
    """Make and return a folder named by the time; further ones of a second have a number too."""
    name = datetime.now().strftime("%Y%m%d%H%M%S")
    for number in count(1):
        folder = runs.absolute() / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            break
    return folder
