"""Delivery of a backlog, by part: ``python -m benchmarks.profiles.drain``.

The sidecar delivers a spool to a real broker under `cProfile`, which counts its main thread; what
its other threads used, and what the profiler costs, follows from the processor time of the same
delivery without it. Time within functions of other packages and of the interpreter counts for
whoever called them.

The floor is one loop without a function call of ours in it: it checks each frame, and joins the
bytes of its record. Nothing is read, sent, kept in order or remembered, so no delivery that makes
records one by one in Python can cost less.
"""

from __future__ import annotations

import argparse
import pstats
import shutil
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import cast

import crc32c

from benchmarks.delivery.record import BATCHES, KEY, VALUE
from benchmarks.processes import environ, run_to_end
from benchmarks.reporting.team import SIDECAR
from benchmarks.session import platform_environ
from dubhe_sdk.spool.frame import CRC, HEAD, MAGIC, OVERHEAD, VERSION, Kind
from dubhe_sidecar.sinks.kafka.producer.record_format import sized, varint
from tests.kafka.broker import Broker

Function = tuple[str, int, str]
Entry = tuple[int, int, float, float, dict[Function, tuple[int, int, float, float]]]

# Parts in words, by what the path of a source ends with.
PARTS = {
    "spool/reader.py": "spool: read, check, order",
    "spool/frame.py": "spool: read, check, order",
    "spool/merge.py": "spool: read, check, order",
    "dubhe_sidecar/convert.py": "frame to record",
    "kafka/producer/record_format.py": "bytes of the record",
    "kafka/producer/batch.py": "into the batch",
    "kafka/producer/session.py": "into the batch",
    "kafka/recovery/partitions.py": "order of sending, outcomes",
    "kafka/sink.py": "order of sending, outcomes",
    "kafka/sessions.py": "order of sending, outcomes",
    "kafka/pending_queue.py": "order of sending, outcomes",
    "dubhe_sidecar/in_flight.py": "positions, cursor, deletion",
    "dubhe_sidecar/drain.py": "positions, cursor, deletion",
    "dubhe_sidecar/cursor.py": "positions, cursor, deletion",
    "dubhe_sidecar/atomic_file.py": "positions, cursor, deletion",
}


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.profiles.drain", description=__doc__
    )
    parser.add_argument("--messages", type=int, default=300_000, help="messages (300 000)")
    count = parser.parse_args(argv).messages
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Broker(folder / "kafka") as broker:
            plain = _deliver(broker, folder / "plain", count, [])
            stats = folder / "stats"
            _deliver(broker, folder / "profiled", count, ["-m", "cProfile", "-o", stats])
            parts = _parts(pstats.Stats(str(stats)))
    floor = _floor(count)
    total = sum(parts.values())
    sys.stdout.write(
        f"{plain / count * 1e6:.1f} us of processor time for each of {count} messages, start "
        f"included; of the main thread's time:\n"
    )
    sys.stdout.write(f"{floor / count * 1e6:.1f} us a message is the floor in Python\n")
    for text, seconds in sorted(parts.items(), key=lambda item: -item[1]):
        sys.stdout.write(f"{text:36} {seconds / total:6.1%}\n")
    return 0


def _floor(count: int) -> float:
    """Check frames and make records of them; return the processor time in seconds."""
    frames = bytearray()
    for seq in range(count):
        head = HEAD.pack(
            MAGIC, VERSION, Kind.PROGRESS, len(VALUE), seq, seq, seq, seq % BATCHES, BATCHES
        )
        frames += head + CRC.pack(zlib.crc32(VALUE, zlib.crc32(head))) + VALUE
    key = sized(KEY)
    writer = sized(b"dubhe-writer") + sized(b"01a20f1039be-2627-c09ddf62") + sized(b"dubhe-seq")
    batch_header = sized(b"dubhe-batch")
    table = [varint(number) for number in range(4096)]
    data, head_size, join, crc32 = bytes(frames), HEAD.size, b"".join, zlib.crc32
    unpack, unpack_crc = HEAD.unpack_from, CRC.unpack_from
    begin = time.process_time()
    at = offset = 0
    parts: list[bytes] = []
    while at < len(data):
        _, _, _, length, seq, _, _, batch, batches = unpack(data, at)
        value = data[at + OVERHEAD : at + OVERHEAD + length]
        if crc32(value, crc32(data[at : at + head_size])) != unpack_crc(data, at + head_size)[0]:
            raise ValueError("a frame is damaged")
        number, further = b"%d" % seq, b"%d/%d" % (batch, batches)
        record = join((
            b"\0\0", table[offset], key, table[length], value, table[3], writer,
            table[len(number)], number, batch_header, table[len(further)], further,
        ))  # fmt: skip
        parts += (table[len(record)], record)
        at += OVERHEAD + length
        offset = (offset + 1) % len(table)
    crc32c.crc32c(join(parts))
    return time.process_time() - begin


def _deliver(broker: Broker, folder: Path, count: int, profiler: list[str | Path]) -> float:
    """Fill a spool and deliver it; return the sidecar's processor time in seconds."""
    topic = folder.name
    broker.create_topic(topic)
    env = environ(**platform_environ(broker.bootstrap, topic, folder))
    fill = [sys.executable, "-m", "benchmarks.delivery.fill", count]
    run_to_end(fill, "profile-fill", env)
    try:
        command = [sys.executable, *profiler, *SIDECAR, "--drain"]
        return run_to_end(command, f"profile-{topic}", env).cpu_seconds
    finally:
        shutil.rmtree(folder)


def _parts(stats: pstats.Stats) -> dict[str, float]:
    """Return the time of each part."""
    found: dict[str, float] = {}
    entries = cast("dict[Function, Entry]", stats.stats)  # type: ignore[attr-defined]
    for function, (_, _, own, _, callers) in entries.items():
        part = _part(function)
        if part is not None:
            found[part] = found.get(part, 0.0) + own
            continue
        for caller, (_, _, share, _) in callers.items():
            part = _part(caller)
            if part is not None:
                found[part] = found.get(part, 0.0) + share
    return found


def _part(function: Function) -> str | None:
    return next((text for end, text in PARTS.items() if function[0].endswith(end)), None)


if __name__ == "__main__":
    raise SystemExit(main())
