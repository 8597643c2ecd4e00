"""The kinds of task an instance can have, and how its id names it."""

from __future__ import annotations

from enum import Enum


class TaskKind(str, Enum):
    """What an instance does for its whole life.

    The value is the project's word for it, in commands, options, folders and on the page. The
    decorators, the messages and the instance ids keep the platform's words: see `decorator` and
    `id_word`.
    """

    TRAIN = "train"
    EVALUATE = "evaluate"
    INFER = "infer"

    @property
    def decorator(self) -> str:
        """The decorator's name, also the word in messages: train, predict or inference."""
        return _DECORATORS[self]

    @property
    def request_type(self) -> int:
        """The ``req_type`` of the requests that this kind of instance takes."""
        return _REQUEST_TYPES[self]

    @property
    def id_word(self) -> str:
        """The word that stands for this kind in an instance id: train, forecast or inference."""
        return _ID_WORDS[self]


_DECORATORS = {
    TaskKind.TRAIN: "train",
    TaskKind.EVALUATE: "predict",
    TaskKind.INFER: "inference",
}
_REQUEST_TYPES = {TaskKind.TRAIN: 1, TaskKind.EVALUATE: 2, TaskKind.INFER: 3}
_ID_WORDS = {
    TaskKind.TRAIN: "train",
    TaskKind.EVALUATE: "forecast",
    TaskKind.INFER: "inference",
}

# The third part of an INSTANCE_ID → kind. Contract, section 1.
KIND_WORDS = {
    "train": TaskKind.TRAIN,
    "forecast": TaskKind.EVALUATE,
    "inference": TaskKind.INFER,
    "automark": TaskKind.INFER,
    "replay": TaskKind.INFER,
    "kdtask": TaskKind.INFER,
}


def kind_of(instance_id: str) -> TaskKind:
    """Return the kind of task that ``instance_id`` names in its third part.

    Raises:
        ValueError: it has fewer than three ``-``-separated parts, or an unknown third one.

    Example:
        >>> kind_of("modelid1412-algorithm112345540-train-1412-4")
        <TaskKind.TRAIN: 'train'>
    """
    parts = instance_id.split("-")
    if len(parts) < 3 or not all(parts[:3]):
        raise ValueError(
            f"has {len([p for p in parts if p])} parts separated by '-', expected three or more, "
            "like modelid1412-algorithm112345540-train-1412-4"
        )
    kind = KIND_WORDS.get(parts[2])
    if kind is None:
        known = ", ".join(KIND_WORDS)
        raise ValueError(f"has {parts[2]!r} as third part, expected one of {known}")
    return kind
