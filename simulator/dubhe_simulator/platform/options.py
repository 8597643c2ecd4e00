"""What `dubhe ui` was told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dubhe_sdk.environment import DEFAULT_TOPIC_RESULT, DEFAULT_TOPIC_STATUS
from dubhe_simulator.algorithm import Algorithm
from dubhe_simulator.dataset import Dataset
from dubhe_simulator.platform.clients import Address


@dataclass(frozen=True)
class Options:
    """How the platform is to run.

    Attributes:
        runs: folder for its file and for the instances that it starts.
        algorithm: what it can start; None to watch and attach only.
        dataset: the images for requests.
        brokers: Kafka's, or None for embedded journals.
        topics: of status and of results.
        images: folders below which images may be shown.
        attach: instances that run already.
    """

    runs: Path
    algorithm: Algorithm | None = None
    dataset: Dataset | None = None
    brokers: str | None = None
    topics: tuple[str, str] = (DEFAULT_TOPIC_STATUS, DEFAULT_TOPIC_RESULT)
    images: tuple[Path, ...] = ()
    attach: tuple[Address, ...] = ()
