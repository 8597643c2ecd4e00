"""The messages of section 4 of the contract: their parts, and nothing else.

A message's value is UTF-8 JSON with exactly the keys
``instance_id, request_number, date, mes_type, data``. What an SDK may want to add travels in
Kafka record headers.
"""

from __future__ import annotations

import re
import unicodedata
from enum import IntEnum
from typing import Any

from dubhe_sdk.contract.kind import TaskKind

STATUS_OK = 200
STATUS_FAILED = 300

# Consumers hold request_number in a signed 64-bit integer.
REQUEST_NUMBER_LIMIT = 2**63

# Characters of the text in an END; the platform shows it in a line.
TEXT_LIMIT = 1000
_UNKNOWN_STOP = "the task was stopped before its end"
_STOPPED = re.compile(r" current model error the task was stopped (by .+ )?before its end$")
_BREAKS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")


class MessageType(IntEnum):
    """``mes_type``."""

    READY = 0
    TASK = 1  # START and END
    PROGRESS = 2
    RESULT = 3


def ready() -> dict[str, Any]:
    """``data`` of the message that the service is up."""
    return {"action": "READY", "status": STATUS_OK, "msg": "model is ready"}


def start(kind: TaskKind) -> dict[str, Any]:
    """``data`` of the message that a task begins."""
    return {"action": "START", "status": STATUS_OK, "msg": f"model {kind.decorator} starting"}


def end(kind: TaskKind) -> dict[str, Any]:
    """``data`` of the message that a task ended well."""
    return {"action": "END", "status": STATUS_OK, "msg": f"model {kind.decorator} end"}


def failed(instance_id: str, what: str) -> dict[str, Any]:
    """``data`` of the message that a task, or the start of the model, failed."""
    msg = f"{instance_id} current model error {one_line(what)}"
    return {"action": "END", "status": STATUS_FAILED, "msg": msg}


def stopped(by: str = "") -> str:
    """Return the reason in the END of a task that was stopped: `failed` takes it.

    Args:
        by: what asked for the stop, for example a signal's name; empty if that is not known.
    """
    return f"the task was stopped by {by} before its end" if by else _UNKNOWN_STOP


def tells_of_stop(msg: str) -> bool:
    """Return whether the ``msg`` of an END with status 300 gives a stop as its reason."""
    return _STOPPED.search(msg) is not None


def one_line(text: str) -> str:
    """Return a text as one line without control characters, of a bounded length.

    Line breaks become blanks, other control characters their escapes. A long text keeps its
    beginning; the whole is in the log.
    """
    line = _BREAKS.sub(" ", text[: 4 * TEXT_LIMIT])
    line = "".join(one if one.isprintable() else _escaped(one) for one in line)
    return line if len(line) <= TEXT_LIMIT else line[: TEXT_LIMIT - 1] + "…"


def _escaped(character: str) -> str:
    if unicodedata.category(character) in ("Zs", "Cf"):  # blanks, joiners
        return character
    return character.encode("unicode_escape").decode("ascii")


def encode_value(
    prefix: bytes, request_number: int, date_ms: int, type_: MessageType, data: bytes
) -> bytes:
    """Return a message's value from its parts.

    Args:
        prefix: ``{"instance_id":"…","request_number":``, made once for an instance.
        request_number: positive, below `REQUEST_NUMBER_LIMIT`.
        date_ms: milliseconds since 1970 when the algorithm reported it.
        type_: ``mes_type``.
        data: JSON, UTF-8.
    """
    return b'%b%d,"date":%d,"mes_type":%d,"data":%b}' % (
        prefix,
        request_number,
        date_ms,
        type_,
        data,
    )
