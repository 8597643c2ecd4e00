"""From frames of the spool to records for the sink."""

from __future__ import annotations

from dubhe_sdk.contract import messages
from dubhe_sdk.contract.messages import encode_value
from dubhe_sdk.reporting.encoding import dumps
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.merge import FrameRun
from dubhe_sdk.spool.segment import Description
from dubhe_sidecar.record import HEADER_BATCH, OutgoingRecord, Position

_RESULT = int(Kind.RESULT)
_NO_HEADERS: tuple[tuple[str, bytes], ...] = ()
_KEYS: dict[str, bytes] = {}


def to_records(run: FrameRun) -> list[OutgoingRecord]:
    """Return the records of frames that go to the same topic: all are results, or none is."""
    stream, number, frames, description = run
    topic = topic_of(description, frames[0].kind)
    key = key_of(description)
    new = tuple.__new__  # as the constructors do, which take three times as long
    return [
        new(
            OutgoingRecord,
            (
                stream,
                seq,
                topic,
                key,
                value,
                date_ms,
                ((HEADER_BATCH, b"%d/%d" % (batch, batches)),) if batches else _NO_HEADERS,
                kind,
                new(Position, (number, end)),
            ),
        )
        for kind, seq, _, date_ms, batch, batches, value, end in frames
    ]


def topic_of(description: Description, kind: int) -> str:
    """Return the topic of a stream's records of a kind."""
    return description.topic_result if kind == _RESULT else description.topic_status


def make_end(
    description: Description, seq: int, at: Position, date_ms: int, cause: str
) -> OutgoingRecord:
    """Return the END of a task whose service died without sending it; ``cause`` is why.

    Its number follows the stream's last, so that it is recognised as the same one if it is made
    again after a crash of the sidecar.
    """
    prefix = b'{"instance_id":' + dumps(description.instance_id) + b',"request_number":'
    data = messages.failed(description.instance_id, cause)
    # Derived from the stream's name, so that it is always the same; below 2^63 and not 0.
    import hashlib  # rarely needed, and it loads a library of several megabytes

    digest = hashlib.blake2b(description.stream.encode(), digest_size=8).digest()
    number = (int.from_bytes(digest, "big") >> 1) | 1
    return OutgoingRecord(
        stream=description.stream,
        seq=seq + 1,
        topic=description.topic_status,
        key=key_of(description),
        value=encode_value(prefix, number, date_ms, messages.MessageType.TASK, dumps(data)),
        date_ms=date_ms,
        headers=_NO_HEADERS,
        kind=Kind.END,
        end=at,
    )


def key_of(description: Description) -> bytes:
    """Return the key of an instance's records."""
    instance_id = description.instance_id
    if instance_id not in _KEYS:
        _KEYS[instance_id] = instance_id.encode("utf-8", "replace")
    return _KEYS[instance_id]
