"""Reads the embedded journal, which takes Kafka's place when no brokers are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_journal(folder: Path) -> list[dict[str, Any]]:
    """Return the messages so far, in order; each as in the journal's line."""
    messages = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                messages.append(json.loads(line))
    return messages


def says(message: dict[str, Any]) -> str:
    """Return a short word for a message: READY, START, END 200, progress, result."""
    value = message["value"]
    data = value["data"]
    if value["mes_type"] == 2:
        return "progress"
    if value["mes_type"] == 3:
        return "result"
    return f"END {data['status']}" if data["action"] == "END" else str(data["action"])
