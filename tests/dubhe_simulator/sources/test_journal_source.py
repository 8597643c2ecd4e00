from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dubhe_simulator.sources.journal_source import JournalFollower
from tests.dubhe_simulator.fake import wait_until
from tests.dubhe_simulator.sources.feed import Feed

TIMEOUT_S = 20.0


class Follow(Feed):
    """The journals below a folder, and what was handed over."""

    def __init__(self, runs: Path | None, positions: dict[str, str] | None = None) -> None:
        super().__init__()
        self.source = JournalFollower(runs, positions or {}, self.put)
        self.source.start()

    @property
    def numbers(self) -> list[int]:
        """Those that can be read by now."""
        assert self.source.catch_up(TIMEOUT_S)
        return [record.offset for record in self.records]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def folder(runs: Path) -> Path:
    """An instance's, which does not exist yet."""
    return runs / "now" / "train"


@pytest.fixture
def follow(runs: Path) -> Iterator[Follow]:
    follow = Follow(runs)
    yield follow
    follow.source.close()


def line(offset: int, **data: Any) -> str:
    record = {
        "offset": offset,
        "topic": "t",
        "key": "i",
        "timestamp": 5,
        "headers": {"dubhe-seq": "1"},
        "value": {"instance_id": "i", "mes_type": 2, "data": {"n": offset, **data}},
    }
    return json.dumps(record, ensure_ascii=False) + "\n"


def file(folder: Path, first: int) -> Path:
    (folder / "journal").mkdir(parents=True, exist_ok=True)
    return folder / "journal" / f"{first:020d}.jsonl"


def test_a_journal_that_appears_later_is_found(follow: Follow, folder: Path) -> None:
    assert follow.numbers == []
    file(folder, 0).write_text(line(0))
    assert follow.numbers == [0]
    [batch] = follow.batches
    assert batch.folder == str(folder)


def test_a_folder_elsewhere_is_followed(tmp_path: Path) -> None:
    follow = Follow(None)
    follow.source.follow(tmp_path / "elsewhere")
    file(tmp_path / "elsewhere", 0).write_text(line(0))
    assert follow.numbers == [0]
    follow.source.close()


def test_it_hands_over_each_record_once(follow: Follow, folder: Path) -> None:
    with file(folder, 0).open("a", buffering=1) as out:
        for offset in range(5):
            out.write(line(offset, text="缺陷\u2028"))
            assert follow.numbers == list(range(offset + 1))


def test_what_comes_after_a_long_silence_is_read(follow: Follow, folder: Path) -> None:
    """A folder and a file that have not changed are not opened; those that have are."""
    first = file(folder, 0)
    first.write_text(line(0))
    hour_ago = time.time() - 3600
    os.utime(first.parent, (hour_ago, hour_ago))
    assert follow.numbers == follow.numbers == [0]
    with first.open("a") as out:
        out.write(line(1))
    assert follow.numbers == follow.numbers == [0, 1]
    file(folder, 2).write_text(line(2))
    assert follow.numbers == [0, 1, 2]


def test_half_a_line_is_left_until_it_is_whole(follow: Follow, folder: Path) -> None:
    whole = (line(0) + line(1, text="缺陷")).encode()
    with file(folder, 0).open("ab", buffering=0) as out:
        for cut in (1, len(whole) // 2, len(whole) - 1, len(whole)):
            out.write(whole[out.tell() : cut])
            assert len(follow.numbers) == whole[:cut].count(b"\n")


def test_it_follows_into_new_files_in_order(follow: Follow, folder: Path) -> None:
    file(folder, 0).write_text(line(0) + line(1))
    assert follow.numbers == [0, 1]
    with file(folder, 0).open("a") as out:  # still before the next one appears
        out.write(line(2))
    file(folder, 3).write_text(line(3))
    file(folder, 10).write_text(line(10))
    assert follow.numbers == [0, 1, 2, 3, 10]


def test_other_files_are_left_alone(follow: Follow, folder: Path) -> None:
    file(folder, 0).write_text(line(0))
    (folder / "journal" / "lock").write_text("x")
    assert follow.numbers == [0]


def test_a_position_goes_on_where_it_was(runs: Path, folder: Path, follow: Follow) -> None:
    file(folder, 0).write_text(line(0) + line(1))
    assert follow.numbers == [0, 1]
    again = Follow(runs, follow.positions)
    with file(folder, 0).open("a") as out:
        out.write(line(2))
    assert again.numbers == [2]
    again.source.close()


@pytest.mark.parametrize("text", ["rubbish\n", '{"offset": 1}\n', "[]\n"])
def test_what_is_no_record_is_handed_over_with_the_reason(
    follow: Follow, folder: Path, text: str
) -> None:
    file(folder, 0).write_text(line(0) + text)
    assert follow.numbers == [0, -1]
    assert "not a record" in (follow.records[1].malformed or "")
    assert follow.records[1].instance == "i"


def test_a_torn_line_before_a_new_file_is_handed_over(follow: Follow, folder: Path) -> None:
    file(folder, 0).write_text(line(0) + '{"off')
    file(folder, 1).write_text(line(1))
    assert follow.numbers == [0, -1, 1]


def test_what_is_there_at_the_end_is_handed_over(follow: Follow, folder: Path) -> None:
    wait_until(lambda: follow.source.error is None)
    file(folder, 0).write_text(line(0))
    follow.source.close()
    assert [record.offset for record in follow.records] == [0]
