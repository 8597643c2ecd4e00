"""A message as the platform receives it, whether from Kafka or from the embedded journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dubhe_sdk.contract.messages import STATUS_OK, MessageType

HEADER_WRITER = "dubhe-writer"
HEADER_SEQ = "dubhe-seq"
HEADER_BATCH = "dubhe-batch"


@dataclass(frozen=True)
class Message:
    """One record. ``value`` is the contract's message; what it lacks reads as None."""

    topic: str
    timestamp_ms: int
    headers: Mapping[str, str]
    value: Mapping[str, Any]

    @property
    def instance_id(self) -> str | None:
        """Whose message it is."""
        return self.value.get("instance_id")

    @property
    def mes_type(self) -> int | None:
        """The contract's ``mes_type``."""
        return self.value.get("mes_type")

    @property
    def data(self) -> Any:
        """What the message says."""
        return self.value.get("data")

    @property
    def action(self) -> str | None:
        """``READY``, ``START`` or ``END``; None for progress and results."""
        if self.mes_type in (MessageType.READY, MessageType.TASK) and isinstance(self.data, dict):
            return self.data.get("action")
        return None

    @property
    def failed(self) -> bool:
        """Whether it reports that a task, or the start of the model, failed."""
        return self.action == "END" and self.data.get("status") != STATUS_OK

    @property
    def word(self) -> str:
        """Its type in one word, for counting."""
        return self.action or _WORDS.get(self.mes_type or 0, "other")


_WORDS: dict[int, str] = {MessageType.PROGRESS: "progress", MessageType.RESULT: "result"}
