"""What the parent sends to the web front: its state, and its replies to start requests."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from dubhe_sdk.contract.kind import TaskKind


class Phase(str, Enum):
    """Where the service stands."""

    STARTING = "starting"  # the model is being constructed
    READY = "ready"
    BUSY = "busy"  # a training or an evaluation is running
    FAILED = "failed"  # the model process is dead or could not be constructed
    DRAINING = "draining"  # SIGTERM was received; inferences that have arrived are still run
    STOPPING = "stopping"  # SIGTERM was received


@dataclass(frozen=True)
class ServiceState:
    """One published state.

    ``instance_id`` and ``kind`` are None as long as the model has not sent them (manual mode
    without INSTANCE_ID). ``detail`` is a text for people: why the phase is FAILED, or what is
    missing although it is READY.
    ``unavailable`` holds the numbers of the model processes that do not serve now. With a
    ``batch_size`` above 1 the inference method takes batches, for which a request may wait
    ``batch_wait_seconds``.
    """

    phase: Phase
    instance_id: str | None = None
    kind: TaskKind | None = None
    platform_mode: bool = False
    detail: str = ""
    unavailable: tuple[int, ...] = ()
    batch_size: int = 1
    batch_wait_seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ServiceState:
        """Return the state that `to_json` described."""
        kind = value["kind"]
        return cls(
            phase=Phase(value["phase"]),
            instance_id=value["instance_id"],
            kind=TaskKind(kind) if kind is not None else None,
            platform_mode=value["platform_mode"],
            detail=value["detail"],
            unavailable=tuple(value["unavailable"]),
            batch_size=value["batch_size"],
            batch_wait_seconds=value["batch_wait_seconds"],
        )


class StartReply(str, Enum):
    """The parent's answer to a start request."""

    STARTED = "started"
    DUPLICATE = "duplicate"  # this very request is running already: acknowledged, nothing started
    BUSY = "busy"  # another one is running
    UNAVAILABLE = "unavailable"  # the model is not ready
