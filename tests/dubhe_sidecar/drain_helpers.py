"""Segments of dead writers, and drains on them."""

from __future__ import annotations

import os
from pathlib import Path

from dubhe_sdk.spool import frame, segment
from dubhe_sdk.spool.create import create_segment
from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar.drain import Drain
from tests.dubhe_sdk.spool.helpers import (
    description,
)
from tests.dubhe_sidecar.helpers import FakeSink, Topic


def run(directory: Path, topic: Topic, **sink) -> Drain:
    """Deliver all there is; return the drain, closed."""
    drain = Drain(directory, FakeSink(topic, **sink))
    drain.open()
    while drain.step():
        pass
    drain.close()
    return drain


def totals(directory: Path) -> cursors.Totals:
    return cursors.load(directory).totals


def put(
    directory: Path,
    stream: str,
    number: int,
    kinds: list[Kind],
    *,
    seq: int = 1,
    time_ns: int | None = None,
    dropped: int = 0,
    **more,
) -> Path:
    """Make a segment of a dead writer."""
    fd, _ = create_segment(directory, description(stream, **more), number)
    for index, kind in enumerate(kinds):
        at = (time_ns or seq) + index
        value = b'{"stream":"%b","seq":%d}' % (stream.encode(), seq + index)
        os.write(fd, frame.encode(kind, seq + index, at, 1, value))
    os.pwrite(fd, segment.encode_dropped(dropped), segment.DROPPED_OFFSET)
    os.close(fd)
    return directory / segment.file_name(stream, number)


def ends(topic: Topic) -> list[str]:
    return [one.stream for one in topic.records if one.kind == Kind.END]
