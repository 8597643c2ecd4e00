"""One record as it lies in Kafka or in a journal, and what it says, or why it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dubhe_sdk.contract.messages import MessageType
from dubhe_simulator.contract.json_safe import decode, encode
from dubhe_simulator.contract.message import Message

VALUE_KEYS = ("instance_id", "request_number", "date", "mes_type", "data")
NON_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_ACTIONS = {MessageType.READY: ("READY",), MessageType.TASK: ("START", "END")}
_SHOWN = 80
LATEST_MS = 8_640_000_000_000_000  # of the dates that JavaScript knows: 13 September 275760


class InvalidRecord(Exception):
    """A record is not what the contract says. The text says why."""


@dataclass(frozen=True)
class SourceRecord:
    """A record and where it lies.

    Attributes:
        source: of which partition or journal; positions are kept by this name.
        topic: its topic.
        partition: its partition; None in a journal.
        offset: its offset; in a journal its line's, -1 if the line could not be read.
        timestamp_ms: the record's own time.
        headers: its headers as texts.
        value: its value as text.
        instance: whose it is if the value does not tell (its key, or the journal's owner).
        malformed: why it could not even be read; else None.
    """

    source: str
    topic: str
    partition: int | None
    offset: int
    timestamp_ms: int
    headers: Mapping[str, str]
    value: str
    instance: str = ""
    malformed: str | None = None


@dataclass(frozen=True)
class RecordBatch:
    """Records of one source that follow each other.

    Attributes:
        source: its name.
        records: in their order.
        position: where to read on once these are stored.
        folder: of the instance, if the source is a journal in one.
    """

    source: str
    records: list[SourceRecord]
    position: str
    folder: str | None = None


def read(record: SourceRecord) -> Message:
    """Return what a record says.

    Raises:
        InvalidRecord: it is not one of the contract's messages.
    """
    if record.malformed is not None:
        raise InvalidRecord(record.malformed)
    try:
        value = decode(record.value)
    except ValueError as error:
        raise InvalidRecord(f"the value is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidRecord(f"the value is {_short(value)}, expected an object")
    if len(value) != len(VALUE_KEYS) or any(key not in value for key in VALUE_KEYS):
        _refuse_keys(value)
    instance = value["instance_id"]
    if not isinstance(instance, str) or not instance:
        raise InvalidRecord(f"instance_id is {_short(instance)}, expected a text")
    date = value["date"]
    if isinstance(date, bool) or not isinstance(date, int) or abs(date) > LATEST_MS:
        raise InvalidRecord(f"date is {_short(value['date'])}, expected milliseconds since 1970")
    _check_data(value["mes_type"], value["data"])
    return Message(record.topic, record.timestamp_ms, record.headers, value)


def reported_at(message: Message) -> int:
    """Return when it was said, in milliseconds since 1970; the record's time if it tells none."""
    date = message.value.get("date")
    return date if isinstance(date, int) and date > 0 else message.timestamp_ms


def number(value: Any) -> float | None:
    """Return a metric as a float, NaN and infinity by their words; None if it is no number."""
    if isinstance(value, str):
        return NON_FINITE.get(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return NON_FINITE["Infinity" if value > 0 else "-Infinity"]


def _refuse_keys(value: dict[str, Any]) -> None:
    missing = [key for key in VALUE_KEYS if key not in value]
    foreign = sorted(key for key in value if key not in VALUE_KEYS)
    found = [f"{', '.join(missing)} missing"] if missing else []
    found += [f"{_short(', '.join(foreign))} unexpected"] if foreign else []
    raise InvalidRecord(f"keys: {'; '.join(found)}; expected exactly {', '.join(VALUE_KEYS)}")


def _check_data(mes_type: Any, data: Any) -> None:
    if isinstance(mes_type, bool) or mes_type not in (0, 1, 2, 3):
        raise InvalidRecord(f"mes_type is {_short(mes_type)}, expected 0, 1, 2 or 3")
    if mes_type == MessageType.RESULT:
        return
    if not isinstance(data, dict):
        raise InvalidRecord(f"data is {_short(data)}, expected an object for mes_type {mes_type}")
    if mes_type == MessageType.PROGRESS:
        for name, value in data.items():
            if number(value) is None:
                raise InvalidRecord(f"data.{name} is {_short(value)}, expected a number")
        return
    expected = _ACTIONS[MessageType(mes_type)]
    if data.get("action") not in expected:
        raise InvalidRecord(
            f"data.action is {_short(data.get('action'))}, expected {' or '.join(expected)}"
        )
    if not isinstance(data.get("status"), int) or isinstance(data["status"], bool):
        raise InvalidRecord(f"data.status is {_short(data.get('status'))}, expected 200 or 300")


def _short(value: Any) -> str:
    text = encode(value)
    text = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return text.encode("utf-8", "replace").decode()  # half a character cannot be stored
