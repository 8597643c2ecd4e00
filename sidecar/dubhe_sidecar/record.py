"""The record that travels from the spool to a sink."""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    """Where a stream continues: the first byte not yet read.

    ``segment`` is the number of the segment file, ``offset`` a byte offset in it.
    """

    segment: int
    offset: int


class OutgoingRecord(NamedTuple):
    """One message to be delivered.

    ``(stream, seq)`` identifies it permanently: ``stream`` names the writer process, ``seq``
    counts from 1 within it. Both travel as headers, so that a consumer can recognise a duplicate.
    """

    stream: str
    seq: int
    topic: str
    key: bytes  # the instance's id; all records of an instance go to one partition
    value: bytes  # the contract's JSON, exactly as the algorithm's process encoded it
    date_ms: int  # milliseconds since 1970, when it was reported
    headers: tuple[tuple[str, bytes], ...]
    kind: int  # dubhe_sdk.spool.frame.Kind
    end: Position  # where its stream continues after it


HEADER_WRITER = "dubhe-writer"
HEADER_SEQ = "dubhe-seq"
HEADER_BATCH = "dubhe-batch"
