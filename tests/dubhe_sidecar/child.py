"""Processes for the sidecar's tests: ``python -m tests.dubhe_sidecar.child WHAT ARGUMENT…``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dubhe_sdk.contract import messages
from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.contract.messages import MessageType, encode_value
from dubhe_sdk.reporting.encoding import dumps
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.writer import SpoolWriter
from tests.dubhe_sdk.spool.helpers import DATE_MS, INSTANCE_ID, make_writer

_PREFIX = b'{"instance_id":' + dumps(INSTANCE_ID) + b',"request_number":'


def say(writer: SpoolWriter, number: int, kind: Kind, type_: MessageType, data: object) -> None:
    value = encode_value(_PREFIX, number, DATE_MS, type_, dumps(data))
    assert writer.append(kind, value, DATE_MS)


def service(spool: str, name: str, end: str = "") -> None:
    """Be a service: START, END too if given so. Then progress for each line on stdin."""
    writer = make_writer(Path(spool), service=name)
    say(writer, 1, Kind.START, MessageType.TASK, messages.start(TaskKind.TRAIN))
    if end:
        say(writer, 2, Kind.END, MessageType.TASK, messages.end(TaskKind.TRAIN))
    _go_on(writer)


def rank(spool: str, name: str) -> None:
    """Be a child process of a service's task."""
    writer = make_writer(Path(spool), service=name)
    say(writer, 1, Kind.PROGRESS, MessageType.PROGRESS, {"progress": 0.0})
    _go_on(writer)


def _go_on(writer: SpoolWriter) -> None:
    os.write(1, writer.stream.encode() + b"\n")
    for number, _ in enumerate(sys.stdin, 3):
        say(writer, number, Kind.PROGRESS, MessageType.PROGRESS, {"progress": 0.5})
        os.write(1, b"said\n")


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
