"""A message in a few words, for lists."""

from __future__ import annotations

import json

from dubhe_sdk.contract.messages import MessageType
from dubhe_simulator.contract.message import Message
from dubhe_simulator.contract.predictions import results_in

LONGEST = 160


def summarize(message: Message) -> str:
    """Return a message in at most `LONGEST` characters."""
    data = message.data
    if message.mes_type == MessageType.PROGRESS:
        text = "  ".join(f"{name} {_number(value)}" for name, value in data.items())
    elif message.mes_type == MessageType.RESULT:
        images = [image.path.rpartition("/")[2] for image in results_in(data)]
        text = "  ".join(images) if images else json.dumps(data, ensure_ascii=False)
    else:
        text = f"{message.action} {data.get('status')}  {data.get('msg', '')}"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
