"""What a listener of the workflow is told. Terminal and page are two fronts of one workflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.errors import TaskFailed
from dubhe_simulator.instances.base import ExitInfo


@dataclass(frozen=True)
class WorkflowEvent:
    """Something happened to the task of this kind."""

    kind: TaskKind


@dataclass(frozen=True)
class InstanceStarted(WorkflowEvent):
    """An instance's process runs; it is not ready yet."""

    instance: str


@dataclass(frozen=True)
class InstanceWaiting(WorkflowEvent):
    """Its engine cannot run it yet; ``text`` says why."""

    text: str


@dataclass(frozen=True)
class InstanceReady(WorkflowEvent):
    """It serves, after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class TaskProgress(WorkflowEvent):
    """The task went on.

    Attributes:
        share: of the work done, from 0 to 1.
        epoch: None if only the progress was reported.
        metrics: the latest of each, by name.
        remaining_s: seconds left if it goes on like this; None as long as nobody can tell.
    """

    share: float
    epoch: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    remaining_s: float | None = None


@dataclass(frozen=True)
class TaskEnded(WorkflowEvent):
    """A training or evaluation ended well; ``metrics`` are the latest of each."""

    seconds: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class InferenceAnswered(WorkflowEvent):
    """An inference was answered."""

    milliseconds: float


@dataclass(frozen=True)
class HeartbeatChanged(WorkflowEvent):
    """The heartbeat was lost, or came back."""

    alive: bool
    detail: str


@dataclass(frozen=True)
class InstanceStopped(WorkflowEvent):
    """An instance was ended and nothing of it is left."""

    exit_info: ExitInfo


@dataclass(frozen=True)
class WorkflowNote(WorkflowEvent):
    """Something worth a line: a step was skipped, or there is no model file."""

    text: str


@dataclass
class WorkflowResult:
    """What a workflow did.

    Attributes:
        model: the model file that evaluation and inference were started with.
        instances: by the kind of their task.
        runs: numbers of the runs, by their kind.
        folder: of the instances; None if none was started.
        reply: what the inference returned.
        seconds: how long everything took.
    """

    model: Path | None = None
    instances: dict[TaskKind, str] = field(default_factory=dict)
    runs: dict[TaskKind, int] = field(default_factory=dict)
    folder: Path | None = None
    reply: Any = None
    seconds: float = 0.0


@dataclass(frozen=True)
class WorkflowEnded(WorkflowEvent):
    """The workflow is over; ``kind`` is its last step.

    Attributes:
        result: what it did.
        failure: why it did not do everything.
    """

    result: WorkflowResult
    failure: TaskFailed | None = None


Listener = Callable[[WorkflowEvent], None]
