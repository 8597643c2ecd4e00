"""What `dubhe ui` was told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dubhe_sdk.environment import DEFAULT_TOPIC_RESULT, DEFAULT_TOPIC_STATUS
from dubhe_simulator.algorithm.dataset import Dataset
from dubhe_simulator.client.address import Address
from dubhe_simulator.instances.backend import InstanceBackend


@dataclass(frozen=True)
class Options:
    """How the platform is to run.

    Attributes:
        runs: folder for its file and for the instances that it starts.
        site: where it can start instances; None to watch and attach only.
        dataset: the images for requests.
        brokers: Kafka's, or None for embedded journals.
        topics: of status and of results.
        images: folders below which images may be shown.
        attach: instances that run already.
        special_params: business parameters, where a request for an instance names none.
        ready_timeout: seconds for an instance to become ready.
    """

    runs: Path
    backend: InstanceBackend | None = None
    dataset: Dataset | None = None
    brokers: str | None = None
    topics: tuple[str, str] = (DEFAULT_TOPIC_STATUS, DEFAULT_TOPIC_RESULT)
    images: tuple[Path, ...] = ()
    attach: tuple[Address, ...] = ()
    special_params: Mapping[str, Any] = field(default_factory=dict)
    ready_timeout: float = 300.0
