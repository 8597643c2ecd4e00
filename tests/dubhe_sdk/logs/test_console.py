"""Lines on the console, whoever reads it or does not."""

from __future__ import annotations

import fcntl
import os
import pty
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk.logs import console
from dubhe_sdk.logs.console import Console


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        os.close(fd)


def fill(fd: int) -> int:
    """Fill a pipe; return how many bytes it holds. The descriptor blocks afterwards as before."""
    os.set_blocking(fd, False)
    size = 0
    try:
        while True:
            size += os.write(fd, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(fd, True)
    return size


@pytest.mark.parametrize("reopened", [True, False])
def test_a_pipe_that_nobody_reads_does_not_hold_up_anybody(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, reopened: bool
) -> None:
    reading, writing = pipe
    if not reopened:  # as for another user's pipe
        monkeypatch.setattr(console.os, "open", refuse)
    shown = Console(writing)
    held = fill(writing)
    for number in range(5000):
        shown.write(f"line {number} " + "y" * 100)
    assert shown.lost > 0
    assert os.get_blocking(writing)  # the flags of those who share it are as they were
    read, lost = 0, shown.lost
    while read < held:
        read += len(os.read(reading, held - read))
    lines = b""
    while not shown.flush():
        lines += os.read(reading, 65536)
    shown.write("after")
    while not shown.flush():
        lines += os.read(reading, 65536)
    lines += os.read(reading, 1 << 20)
    texts = lines.decode().splitlines()
    assert texts[0].startswith("line 0 ")
    missing = f"({lost} lines of the log are missing here: the console was not read)"
    assert texts[-2:] == [missing, "after"]
    assert len([text for text in texts if text.startswith("line ")]) == 5001 - lost - (
        "after" in texts
    )
    shown.close()


def refuse(*_: object, **__: object) -> int:
    raise PermissionError(13, "Permission denied")


def test_a_closed_console_takes_nothing_and_raises_nothing() -> None:
    reading, writing = os.pipe()
    shown = Console(writing)
    os.close(reading)
    for _ in range(3):
        shown.write("nobody reads")
    os.close(writing)
    shown.write("no descriptor")
    Console(writing).write("there never was one")
    shown.close()
    shown.close()


def test_a_file_keeps_its_offset_with_others(tmp_path: Path) -> None:
    path = tmp_path / "console"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    shown = Console(fd)
    os.write(fd, b"theirs\n")
    shown.write("ours 文 \ud800")
    os.write(fd, b"theirs again\n")
    assert path.read_text() == "theirs\nours 文 \\ud800\ntheirs again\n"
    os.close(fd)
    shown.close()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_progress_bar_does_not_stand_before_a_line(terminal: bool, pipe: tuple[int, int]) -> None:
    reader, writer = pty.openpty() if terminal else pipe
    bar = b"\r 50%|#####     | 1/2"
    os.write(writer, bar)
    Console(writer).write("line")
    shown = b""
    while not shown.endswith(b"\n"):
        shown += os.read(reader, 1000)
    assert shown == bar + (b"\r\x1b[Kline\r\n" if terminal else b"line\n")


def test_a_socket_takes_what_it_can() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        shown = Console(ours.fileno())
        shown.write("hello")
        assert theirs.recv(100) == b"hello\n"
        for _ in range(10_000):
            shown.write("z" * 200)
        assert shown.lost > 0
        shown.close()


def test_its_descriptor_is_high_and_not_inherited(pipe: tuple[int, int]) -> None:
    before = set(os.listdir("/proc/self/fd"))
    shown = Console(pipe[1])
    [fd] = {int(name) for name in set(os.listdir("/proc/self/fd")) - before if int(name) >= 200}
    assert fcntl.fcntl(fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    shown.close()
