"""The SDK's own log handler writes, the index reads."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from dubhe_sdk.logs.format import LOG_LINE, JsonFormatter
from dubhe_sdk.logs.log import SharedRotatingFileHandler
from dubhe_simulator.platform.managed.logs.formats import LEVELS, ConsoleFormat, SdkFormat
from dubhe_simulator.platform.managed.logs.index import (
    BACKUPS,
    LONGEST_LINE,
    IndexedFile,
    LogFile,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log" / "dubhe.log"


@pytest.fixture
def logger(path: Path) -> Iterator[logging.Logger]:
    logger = logging.Logger("test")
    handler = SharedRotatingFileHandler(path)
    handler.setFormatter(logging.Formatter(LOG_LINE))
    handler.maxBytes = 2000
    logger.addHandler(handler)
    yield logger
    handler.close()


def sdk_log(path: Path) -> LogFile:
    return LogFile(path, SdkFormat(), BACKUPS)


def texts(
    log: LogFile, level: str = "DEBUG", at: int | None = None, limit: int = 1000
) -> list[str]:
    return [line["text"] for line in log.lines(at, limit, LEVELS.index(level))["lines"]]


def test_lines_that_the_disk_does_not_give_back_stand_in_their_places(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir()
    path.write_text("".join(f"line {number}\n" for number in range(5)))
    log = LogFile(path, ConsoleFormat())
    read = log.read

    def broken(file: IndexedFile, stream: BinaryIO, place: int) -> bytes:
        if place in (1, 2):
            raise OSError(errno.EIO, "Input/output error")
        return read(file, stream, place)

    monkeypatch.setattr(log, "read", broken)
    found = log.lines(0, 10)
    lost = "the line cannot be read: [Errno 5] Input/output error"
    assert [line["text"] for line in found["lines"]] == ["line 0", lost, lost, "line 3", "line 4"]
    assert [line["n"] for line in found["lines"]] == [0, 1, 2, 3, 4]


def test_it_follows_rotation(path: Path, logger: logging.Logger) -> None:
    log = sdk_log(path)
    assert log.total() == 0
    for number in range(200):
        logger.info("line %03d", number)
        if number % 7 == 0:
            assert log.total() == number + 1
    assert (path.parent / "dubhe.log.3").exists()
    expected = [f"line {number:03d}" for number in range(200)]
    assert texts(log) == expected
    assert texts(sdk_log(path)) == expected, "read anew"
    found = log.lines(None, 2)
    assert (found["begin"], found["at"], found["end"]) == (0, 198, 200)
    assert [line["n"] for line in found["lines"]] == [198, 199]
    assert texts(log, at=48, limit=2) == expected[48:50]
    assert texts(log, at=0, limit=2) == expected[:2]


def test_what_rotation_deleted_keeps_its_numbers(path: Path, logger: logging.Logger) -> None:
    log = sdk_log(path)
    for number in range(100):
        logger.info("line %03d", number)
        log.total()
    (path.parent / "dubhe.log.2").unlink()
    found = log.lines(None, 1000)["lines"]
    assert len(found) < 100
    assert all(line["text"] == f"line {line['n']:03d}" for line in found)


def test_a_traceback_belongs_to_its_line(path: Path, logger: logging.Logger) -> None:
    logger.info("before")
    try:
        raise ValueError("no GPU")
    except ValueError:
        logger.exception("it failed")
    logger.warning("after")
    log = sdk_log(path)
    assert log.total() == 3
    _, line, _ = log.lines(None, 10)["lines"]
    assert line["level"] == "ERROR"
    assert line["text"].startswith("it failed\nTraceback")
    assert texts(log, level="WARNING") == [line["text"], "after"]


def test_a_half_written_line_and_a_log_emptied(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("2026-01-01 10:00:00,000 INFO 1 one\n2026-01-01 10:00:00,000 INFO 1 tw")
    log = sdk_log(path)
    assert texts(log) == ["one"]
    with path.open("a") as file:
        file.write("o\n")
    assert texts(log) == ["one", "two"]
    path.write_text("2026-01-01 10:00:00,000 INFO 1 new\n")
    assert log.lines(None, 5)["lines"][-1] == {
        "n": 2, "time": "2026-01-01 10:00:00,000", "level": "INFO", "text": "new",
    }  # fmt: skip


def test_lines_in_json_and_in_text_may_follow_each_other(
    path: Path, logger: logging.Logger
) -> None:
    logger.info("as text")
    [handler] = logger.handlers
    handler.setFormatter(JsonFormatter())
    logger.warning('a "quoted" 图 \u2028 text\nof two lines', extra={"fields": {"level": "x"}})
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("it failed")
    with path.open("a") as file:
        file.write(
            '{"time":"2026-01-01T00:00:00.000+00:00","level":"ERROR","logger":"x", cut off\n'
        )
        file.write("a line of another program\n")
    log = sdk_log(path)
    first, second, third, fourth = log.lines(None, 10)["lines"]
    assert (first["level"], first["text"]) == ("INFO", "as text")
    assert (second["level"], second["text"]) == (
        "WARNING",
        'a "quoted" 图 \u2028 text\nof two lines',
    )
    assert len(first["time"]) == len(second["time"]) and second["time"][10] == " "
    assert third["text"].startswith("it failed\nTraceback") and "ValueError" in third["text"]
    assert fourth["level"] == "ERROR" and fourth["text"].endswith("a line of another program")
    assert texts(log, level="ERROR") == [third["text"], fourth["text"]]


def test_a_rotation_during_a_look_neither_repeats_nor_loses_lines(
    path: Path, logger: logging.Logger
) -> None:
    count = 5_000
    seen: list[str] = []

    def write() -> None:
        for number in range(count):
            while number > len(seen) + 300:  # well below what the backups hold
                time.sleep(0)
            logger.info("line %04d", number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # so that rotations come between any two steps of a look
    writer = threading.Thread(target=write)
    writer.start()
    log, after = sdk_log(path), -1
    while len(seen) < count and (writer.is_alive() or after + 1 < log.total()):
        for line in log.lines(after + 1, 1000)["lines"]:
            after = line["n"]
            seen.append(line["text"])
    writer.join()
    sys.setswitchinterval(interval)
    assert seen == [f"line {number:04d}" for number in range(count)]


def test_a_copy_of_the_log_beside_it_is_not_taken_for_new_lines(
    path: Path, logger: logging.Logger
) -> None:
    """As logrotate does with copytruncate."""
    log = sdk_log(path)
    logger.info("one")
    assert texts(log) == ["one"]
    shutil.copy(path, path.with_name("dubhe.log.1"))
    os.truncate(path, 0)
    logger.info("2")
    assert [(line["n"], line["text"]) for line in log.lines(1, 10)["lines"]] == [(1, "2")]
    assert log.total() == 2


def test_a_text_is_shown_as_a_terminal_shows_it(path: Path) -> None:
    path.parent.mkdir()
    head = "2026-01-02 03:04:05,678 INFO 1 "
    bar = "".join(f"\rtraining {share:3d} %" for share in range(0, 101, 10))
    lines = {
        "\x1b[1;31mred\x1b[0m and \x1b[38;5;208morange\x1b[m": "red and orange",
        "\x1b]0;a title\x07text \x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\": "text link",
        "\x1b[2K\x1b[1Aup\x1b(B": "up",
        bar: "training 100 %",
        "windows\r": "windows",
        "中文 [31m stays": "中文 [31m stays",
    }
    path.write_text("".join(f"{head}{line}\n" for line in lines), newline="")
    log = sdk_log(path)
    assert texts(log) == list(lines.values())


def test_lines_of_deleted_files_keep_their_rank_among_those_of_a_level(
    path: Path, logger: logging.Logger
) -> None:
    log = sdk_log(path)
    for number in range(3000):  # more than the backups hold
        logger.log(logging.ERROR if number % 10 == 0 else logging.INFO, "line %04d", number)
        if number % 20 == 0:
            log.total()
    errors = log.lines(0, 10_000, LEVELS.index("ERROR"))
    assert 0 < errors["begin"] == errors["at"] and errors["end"] == 300
    for rank, line in enumerate(errors["lines"], errors["at"]):
        assert (line["level"], line["text"]) == ("ERROR", f"line {10 * rank:04d}")
    assert len(errors["lines"]) == 300 - errors["begin"]


def test_the_console_shows_a_line_before_its_end_is_written(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    log = LogFile(path, ConsoleFormat())
    with path.open("w", newline="") as file:
        for text, expected in (
            ("begin\n", ["begin"]),
            ("\r 10 %", ["begin", " 10 %"]),
            ("\r 20 %", ["begin", " 20 %"]),
            ("\r100 %\nTrace", ["begin", "100 %", "Trace"]),
            ("back (most recent call last):\n  File\nValueError: no\nafter", [
                "begin", "100 %", "Traceback (most recent call last):", "  File", "ValueError: no",
                "after",
            ]),
        ):  # fmt: skip
            file.write(text)
            file.flush()
            assert texts(log) == expected
    assert texts(log, level="ERROR") == texts(log)[2:5]
    path.write_text("anew\n")
    assert texts(log) == ["anew"]
    path.write_text("written anew, and longer\n")
    assert texts(log) == ["written anew, and longer"]


def test_of_a_long_line_the_last_state_or_the_beginning_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    bar = "".join(f"\r{step:6d} of 99999" for step in range(20_000))
    path.write_text(f"{bar}\n{'x' * 100_000}\n", newline="")
    first, second = texts(LogFile(path, ConsoleFormat()))
    assert first == " 19999 of 99999"
    assert second == "x" * LONGEST_LINE + f" … ({100_001 - LONGEST_LINE} bytes more)"


def test_the_whole_of_a_log_is_its_files_in_order(path: Path, logger: logging.Logger) -> None:
    for number in range(100):
        logger.info("line %03d", number)
    whole = b"".join(sdk_log(path).contents()).decode()
    assert [line[-3:] for line in whole.splitlines()] == [f"{number:03d}" for number in range(100)]
