"""The kinds of task an instance can have, and how its id names it."""

from __future__ import annotations

from enum import Enum


class TaskKind(str, Enum):
    """What an instance does for its whole life.

    The value is the word used by the decorators: ``@dubhe_sdk.train()``,
    ``@dubhe_sdk.predict()``, ``@dubhe_sdk.inference()``.
    """

    TRAIN = "train"
    PREDICT = "predict"
    INFERENCE = "inference"

    @property
    def request_type(self) -> int:
        """The ``req_type`` of the requests that this kind of instance takes."""
        return _REQUEST_TYPES[self]

    @property
    def id_word(self) -> str:
        """The word that stands for this kind in an instance id."""
        return "forecast" if self is TaskKind.PREDICT else self.value


_REQUEST_TYPES = {TaskKind.TRAIN: 1, TaskKind.PREDICT: 2, TaskKind.INFERENCE: 3}

# The third part of an INSTANCE_ID → kind. Contract, section 1.
KIND_WORDS = {
    "train": TaskKind.TRAIN,
    "forecast": TaskKind.PREDICT,
    "inference": TaskKind.INFERENCE,
    "automark": TaskKind.INFERENCE,
    "replay": TaskKind.INFERENCE,
    "kdtask": TaskKind.INFERENCE,
}


def kind_of(instance_id: str) -> TaskKind:
    """Return the kind of task that ``instance_id`` names in its third part.

    Raises:
        ValueError: it has not four or five ``-``-separated parts, or an unknown third one.

    Example:
        >>> kind_of("modelid1412-algorithm112345540-train-1412-4")
        <TaskKind.TRAIN: 'train'>
    """
    parts = instance_id.split("-")
    if len(parts) not in (4, 5) or not all(parts):
        raise ValueError(
            f"has {len([p for p in parts if p])} parts separated by '-', expected four or five, "
            "like modelid1412-algorithm112345540-train-1412-4"
        )
    kind = KIND_WORDS.get(parts[2])
    if kind is None:
        known = ", ".join(KIND_WORDS)
        raise ValueError(f"has {parts[2]!r} as third part, expected one of {known}")
    return kind
