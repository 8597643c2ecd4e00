"""A metric call, layer by layer: ``python -m benchmarks.profiles.call``.

Each line contains the one above it, but for the last two: what the call costs where
``dubhe_sdk/spool/_stream_state.c`` is built, and what the bare write would cost as a store into a
shared mapping of a file whose blocks are reserved, which survives a kill too. Blocks of calls
alternate with blocks of a bare ``os.write`` of as many bytes to a file in the same folder; a ratio
is taken within a pair of blocks.

With ``--cold`` so much memory is copied before each call that nothing is left in the caches of a
core: that is how a call comes between two batches of a training.
"""

from __future__ import annotations

import argparse
import mmap
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import monotonic_ns
from zlib import crc32

import dubhe_sdk
from dubhe_sdk.reporting.encoding import dumps_numbers
from dubhe_sdk.reporting.reporter import Reporter
from dubhe_sdk.spool.frame import CRC, HEAD, MAGIC, OVERHEAD, VERSION, Kind

METRICS = {"loss": 0.123456}
BATCHES = 1000
MAPPED_BYTES = 64 * 1024 * 1024  # more than all stores of a run
COLD_BYTES = 16 * 1024 * 1024  # more than the caches that belong to one core


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiles.call", description=__doc__)
    parser.add_argument("--pairs", type=int, default=51, help="pairs of blocks (51)")
    parser.add_argument("--calls", type=int, help="calls of a block (2000, cold 20)")
    parser.add_argument("--cold", action="store_true", help="with cold caches")
    options = parser.parse_args(argv)
    before: Callable[[], object] = _empty_caches() if options.cold else lambda: None
    count = options.calls or (20 if options.cold else 2000)
    with tempfile.TemporaryDirectory() as name:
        os.environ |= {
            "DUBHE_TEMPORARY": name,
            "INSTANCE_ID": "modelid1-bench-train-1",
            "DUBHE_SPOOL_MAX_BYTES": str(2**31),
        }
        bare, layers = _layers(Path(name))
        sys.stdout.write(f"{'':36} {'median':>9} {'x os.write':>11}\n")
        for text, call in [("os.write", bare), *layers]:
            _block(call, count, before)
            pairs = [
                (_block(bare, count, before), _block(call, count, before))
                for _ in range(options.pairs)
            ]
            ratio = median(own / reference for reference, own in pairs)
            own = median(own for _, own in pairs)
            sys.stdout.write(f"{text:36} {own:6.0f} ns {ratio:11.2f}\n")
    return 0


def _empty_caches() -> Callable[[], object]:
    """Return what fills the caches of a core with something else."""
    source, target = bytes(COLD_BYTES), bytearray(COLD_BYTES)

    def copy() -> None:
        target[:] = source

    return copy


def _block(call: Callable[[int], object], count: int, before: Callable[[], object]) -> float:
    """Return the median of the times of so many calls, in nanoseconds."""
    now = time.perf_counter_ns
    times = []
    for index in range(count):
        before()
        begin = now()
        call(index)
        times.append(now() - begin)
    return median(times)


def _layers(
    folder: Path,
) -> tuple[Callable[[int], object], list[tuple[str, Callable[[int], object]]]]:
    context = dubhe_sdk.Context({})
    context.logProgressByBatch(1, 1, BATCHES, 0.5, METRICS)
    reporter = context._reports.reporter()
    assert isinstance(reporter, Reporter)
    data = {**METRICS, "progress": 0.5, "epoch": 1}
    value = b'{"instance_id":"modelid1-bench-train-1","request_number":3415043289293958421,'
    value += b'"date":1795549051326,"mes_type":2,"data":' + dumps_numbers(data) + b"}"
    frame = bytes(OVERHEAD) + value
    fd = os.open(folder / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lock = threading.RLock()

    def bare(index: int) -> None:
        os.write(fd, frame)

    def framed(index: int) -> None:
        with lock:
            head = HEAD.pack(
                MAGIC, VERSION, 4, len(value), index, monotonic_ns(), 1, index, BATCHES
            )
            os.write(fd, head + CRC.pack(crc32(head + value)) + value)

    def append(index: int) -> None:
        reporter.writer.append(Kind.PROGRESS, value, 1_795_549_051_326, index, BATCHES)

    def encoded(index: int) -> None:
        reporter.progress(data, index, BATCHES)

    in_python = dubhe_sdk.Context({})
    in_python.logProgressByBatch(1, 1, BATCHES, 0.5, METRICS)
    in_python._reports.append_batch = None

    def whole(index: int) -> None:
        in_python.logProgressByBatch(1, index, BATCHES, 0.5, METRICS)

    def in_c(index: int) -> None:
        context.logProgressByBatch(1, index, BATCHES, 0.5, METRICS)

    store = _store(folder / "mapped", frame)
    layers: list[tuple[str, Callable[[int], object]]] = [
        ("+ lock, clock, header, checksum", framed),
        ("+ room, faults, forks, nudges", append),
        ("+ time, number, JSON", encoded),
        ("+ arguments checked: in Python", whole),
    ]
    if context._reports.append_batch is not None:
        layers.append(("the call, where it is built in C", in_c))
    layers.append(("a store into a mapping, no write", store))
    return bare, layers


def _store(path: Path, frame: bytes) -> Callable[[int], object]:
    """Return what stores a frame behind the one before it, in a mapping of a reserved file."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    os.posix_fallocate(fd, 0, MAPPED_BYTES)
    mapping = mmap.mmap(fd, MAPPED_BYTES)
    size, end = len(frame), 0

    def store(index: int) -> None:
        nonlocal end
        mapping[end : end + size] = frame
        end = end + size if end + 2 * size <= MAPPED_BYTES else 0

    return store


if __name__ == "__main__":
    raise SystemExit(main())
