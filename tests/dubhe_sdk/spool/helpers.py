"""Spools for tests: descriptions, writers, processes that write, damage."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dubhe_sdk.process.lock import is_held
from dubhe_sdk.spool import segment
from dubhe_sdk.spool.frame import Frame, Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sdk.spool.merge import SpooledFrame, SpoolReader, boot_id
from dubhe_sdk.spool.reader import StreamReader
from dubhe_sdk.spool.segment import Description
from dubhe_sdk.spool.writer import SpoolWriter
from tests.support.environ import clean_environ

ROOT = Path(__file__).parents[3]
INSTANCE_ID = "modelid1412-algorithm112345540-train-1412-4"
DATE_MS = 1_700_000_000_000
KIB = 1024
MIB = 1024 * 1024
_made: list[SpoolWriter] = []


def description(stream: str = "writer-1", **changes: Any) -> Description:
    values: dict[str, Any] = {
        "stream": stream,
        "instance_id": INSTANCE_ID,
        "topic_status": "status",
        "topic_result": "result",
        "service": "service-1",
        "boot_id": boot_id(),
        "wall_ns": 1_700_000_000_000_000_000,
        "pid": 4711,
    }
    return Description(**{**values, **changes})


def make_writer(
    directory: Path,
    limits: SpoolLimits | None = None,
    on_trouble: Callable[[str], None] = lambda text: None,
    **changes: Any,
) -> SpoolWriter:
    """Return a writer, which is closed at the end of the test."""
    writer = SpoolWriter(
        directory,
        lambda stream: description(stream, **changes),
        limits or SpoolLimits(),
        on_trouble,
    )
    _made.append(writer)
    return writer


def close_writers() -> None:
    """Close what `make_writer` made: each holds a descriptor, and a run has hundreds."""
    while _made:
        _made.pop().close()


def append(writer: SpoolWriter, value: bytes | int, kind: Kind = Kind.PROGRESS) -> bool:
    return writer.append(kind, value if isinstance(value, bytes) else b"%d" % value, DATE_MS)


def fail_on_damage(text: str) -> None:
    raise AssertionError(text)


def read_spool(
    directory: Path,
    positions: Mapping[str, tuple[int, int]] | None = None,
    on_damage: Callable[[str], None] = fail_on_damage,
) -> list[SpooledFrame]:
    """Return all frames of a spool that nobody appends to meanwhile."""
    reader = SpoolReader(directory, positions or {}, on_damage)
    out: list[SpooledFrame] = []
    while frames := reader.read():
        out += frames
    reader.close()
    return out


def read_stream(reader: StreamReader) -> list[Frame]:
    out: list[Frame] = []
    while frames := reader.read():
        out += frames
    return out


def numbers(frames: list[SpooledFrame]) -> list[int]:
    """Return what `append` was given, from whole values or their first word."""
    return [int(spooled.frame.value.split(b" ", 1)[0]) for spooled in frames]


def segments(directory: Path, stream: str | None = None) -> list[Path]:
    """Return the segment files, those of one stream or all, in order."""
    return sorted(
        directory / segment.file_name(name, number)
        for name, present in segment.list_segments(directory).items()
        for number in present
        if stream in (None, name)
    )


def first_offset(path: Path) -> int:
    """Return where the frames of a segment begin."""
    with path.open("rb") as file:
        return segment.read_description(file.fileno())[1]


def dropped_in(directory: Path) -> int:
    """Return the sum of the dropped counts in all headers."""
    total = 0
    for path in segments(directory):
        with path.open("rb") as file:
            count = segment.read_dropped(file.fileno())
            assert count is not None, f"the count in {path} is damaged"
            total += count
    return total


def is_growing(path: Path) -> bool:
    with path.open("rb") as file:
        return is_held(file.fileno())


def flip_bit(path: Path, offset: int, bit: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))


def spoil_description(path: Path) -> None:
    """Damage a segment's header."""
    for offset in (30, 31):
        flip_bit(path, offset)


class FakeTime:
    """Stands for the clock of `dubhe_sdk.spool.reader`, so that no test waits for its timeout."""

    def __init__(self) -> None:
        self.now = 1

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * 1e9)


class Child:
    """A process that runs a function of `tests.dubhe_sdk.spool.child`."""

    def __init__(self, *arguments: object, **popen: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.dubhe_sdk.spool.child", *map(str, arguments)],
            cwd=ROOT,
            env=clean_environ(),
            **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **popen},
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def line(self) -> str:
        """Return its next line; empty at its end."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()

    def rest(self) -> list[str]:
        """Return its lines up to its end."""
        assert self.process.stdout is not None
        return self.process.stdout.read().decode().split()

    def send_line(self, text: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait(self) -> int:
        return self.process.wait(60)


@contextlib.contextmanager
def child(*arguments: object, **popen: Any) -> Iterator[Child]:
    one = Child(*arguments, **popen)
    try:
        yield one
    finally:
        one.kill()
        for pipe in (one.process.stdin, one.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


@contextlib.contextmanager
def mounted(target: Path, *options: str) -> Iterator[Path]:
    """Mount a tmpfs on a new folder."""
    target.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "tmpfs", str(target)], capture_output=True, check=False
    )
    if done.returncode:
        raise AssertionError(
            "this test mounts a small tmpfs to have a disk that is full or read-only, and mount "
            f"failed: {done.stderr.decode().strip()}. Run the tests as root, in a container with "
            "--cap-add SYS_ADMIN"
        )
    try:
        yield target
    finally:
        subprocess.run(["umount", "-l", str(target)], check=True)
