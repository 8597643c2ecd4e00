"""Searching a log that grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_simulator.platform.managed.logs import search as search_module
from dubhe_simulator.platform.managed.logs.formats import LEVELS, ConsoleFormat, SdkFormat
from dubhe_simulator.platform.managed.logs.index import LogFile
from dubhe_simulator.platform.managed.logs.search import LogSearch

HEAD = "2026-01-02 03:04:05,678 INFO 1 "


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "console.log"


def count(search: LogSearch, text: str, level: str = "DEBUG") -> int:
    return int(search.find(text, LEVELS.index(level), 0, backwards=False)["count"])


def test_the_next_one_follows_and_after_the_last_the_first(path: Path) -> None:
    path.write_text("".join(f"line {n}{' Needle' if n % 10 == 3 else ''}\n" for n in range(100)))
    search = LogSearch(LogFile(path, ConsoleFormat()))

    def at(rank: int, *, backwards: bool = False) -> tuple[int, int, int]:
        found = search.find("nEEdle", 0, rank, backwards=backwards)
        return found["rank"], found["index"], found["count"]

    assert at(0) == (3, 0, 10)
    assert at(3) == (3, 0, 10)
    assert at(4) == (13, 1, 10)
    assert at(94) == (3, 0, 10)
    assert at(92, backwards=True) == (83, 8, 10)
    assert at(2, backwards=True) == (93, 9, 10)
    assert at(2**53 - 1, backwards=True) == (93, 9, 10)
    assert search.find("absent", 0, 0, backwards=False) == {"count": 0, "rank": None, "index": None}


def test_what_is_written_later_is_found_and_what_is_emptied_is_not(path: Path) -> None:
    search = LogSearch(LogFile(path, ConsoleFormat()))
    assert count(search, "x") == 0
    for number in range(5):
        with path.open("a") as file:
            file.write("x ")
        assert count(search, "x") == number + 1, "before its end is written"
        with path.open("a") as file:
            file.write("y\n")
        assert count(search, "x") == number + 1
    path.write_text("y\n")
    assert count(search, "x") == 0


def test_of_a_file_that_was_written_anew_only_its_own_lines_are_found(path: Path) -> None:
    path.write_text("x\n" * 3)
    search = LogSearch(LogFile(path, ConsoleFormat()))
    assert count(search, "x") == 3
    path.write_text("y\n" * 9 + "x\n")
    assert count(search, "x") == 1


def test_of_a_line_that_is_longer_than_a_block_only_what_is_shown_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "BLOCK", 100)
    path.write_text("one\n" + "x\r" * 100 + "two\nthree\n" * 30, newline="")
    search = LogSearch(LogFile(path, ConsoleFormat()))
    found = {text: count(search, text) for text in ("one", "x", "two", "three")}
    assert found == {"one": 1, "x": 0, "two": 30, "three": 30}


def test_only_what_is_seen_is_found(path: Path) -> None:
    path.write_text("\x1b[31mre\x1b[32md\x1b[0m 31m\nold\rnew\n图像 Ärger\nend\n", newline="")
    search = LogSearch(LogFile(path, ConsoleFormat()))
    found = {text: count(search, text) for text in ("red", "31m", "old", "NEW", "图像", "Ärger")}
    assert found == {"red": 1, "31m": 1, "old": 0, "NEW": 1, "图像": 1, "Ärger": 1}


def test_a_level_counts_and_the_time_of_a_record_does_not(path: Path) -> None:
    lines = [HEAD + "one", HEAD.replace("INFO", "ERROR") + "one", "and one in its traceback"]
    path.write_text("".join(f"{line}\n" for line in lines))
    search = LogSearch(LogFile(path, SdkFormat()))
    assert (count(search, "one"), count(search, "one", "ERROR")) == (2, 1)
    assert (count(search, "traceback"), count(search, "2026"), count(search, "INFO")) == (1, 0, 0)


def test_a_record_in_json_is_searched_by_its_message(path: Path) -> None:
    record = '{"time":"2026-01-01T00:00:00.000+00:00","level":"INFO","logger":"x","process":1,'
    path.write_text(record + '"message":"a \\"quoted\\" text","fields":{}}\n' + record + "\n")
    search = LogSearch(LogFile(path, SdkFormat()))
    assert count(search, '"quoted"') == 1
    assert count(search, "a ") == 1
