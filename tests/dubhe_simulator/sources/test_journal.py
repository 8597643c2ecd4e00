from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from dubhe_simulator.sources import JournalSource, SourceBroken
from tests.dubhe_simulator.fake import wait_until


def line(offset: int, **data: Any) -> str:
    value = {"instance_id": "i", "mes_type": 2, "data": {"n": offset, **data}}
    record = {
        "offset": offset,
        "topic": "t",
        "key": "i",
        "timestamp": 5,
        "headers": {"dubhe-seq": "1"},
        "value": value,
    }
    return json.dumps(record, ensure_ascii=False) + "\n"


def numbers(source: JournalSource) -> list[int]:
    return [message.data["n"] for message in source.poll(0)]


def file(folder: Path, first: int) -> Path:
    folder.mkdir(exist_ok=True)
    return folder / f"{first:020d}.jsonl"


def test_a_journal_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    source = JournalSource(tmp_path / "journal")
    assert numbers(source) == []
    file(tmp_path / "journal", 0).write_text(line(0))
    assert numbers(source) == [0]


def test_it_tells_each_record_once(tmp_path: Path) -> None:
    path = file(tmp_path, 0)
    source = JournalSource(tmp_path)
    with path.open("a", buffering=1) as out:
        for offset in range(5):
            out.write(line(offset, text="缺陷\u2028"))
            assert numbers(source) == [offset]
    assert numbers(source) == []


def test_half_a_line_is_left_until_it_is_whole(tmp_path: Path) -> None:
    path = file(tmp_path, 0)
    source = JournalSource(tmp_path)
    whole = (line(0) + line(1, text="缺陷")).encode()
    found: list[int] = []
    with path.open("ab", buffering=0) as out:
        for index in range(len(whole)):
            out.write(whole[index : index + 1])
            found += numbers(source)
            assert len(found) == whole[: index + 1].count(b"\n")
    assert found == [0, 1]


def test_it_follows_into_new_files_in_order(tmp_path: Path) -> None:
    source = JournalSource(tmp_path)
    file(tmp_path, 0).write_text(line(0) + line(1))
    assert numbers(source) == [0, 1]
    file(tmp_path, 2).write_text(line(2))
    file(tmp_path, 10).write_text(line(10))
    assert numbers(source) == [2, 10]
    with file(tmp_path, 10).open("a") as out:
        out.write(line(11))
    assert numbers(source) == [11]


def test_what_was_added_to_a_file_before_the_next_appeared_is_not_lost(tmp_path: Path) -> None:
    source = JournalSource(tmp_path)
    file(tmp_path, 0).write_text(line(0))
    assert numbers(source) == [0]
    with file(tmp_path, 0).open("a") as out:
        out.write(line(1))
    file(tmp_path, 2).write_text(line(2))
    assert numbers(source) == [1, 2]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    file(tmp_path, 0).write_text(line(0))
    (tmp_path / "lock").write_text("x")
    assert numbers(JournalSource(tmp_path)) == [0]


def test_polling_waits_for_a_record(tmp_path: Path) -> None:
    source = JournalSource(tmp_path)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.extend(m.data["n"] for m in source.poll(20)))
    thread.start()
    file(tmp_path, 0).write_text(line(0))
    wait_until(lambda: found)
    thread.join()
    assert found == [0]


@pytest.mark.parametrize("text", ["rubbish\n", '{"offset": 1}\n', "[]\n"])
def test_what_is_no_record_is_said(tmp_path: Path, text: str) -> None:
    file(tmp_path, 0).write_text(text)
    with pytest.raises(SourceBroken, match="not a record"):
        JournalSource(tmp_path).poll(0)


def test_a_torn_line_before_a_new_file_is_said(tmp_path: Path) -> None:
    file(tmp_path, 0).write_text(line(0) + '{"off')
    file(tmp_path, 1).write_text(line(1))
    with pytest.raises(SourceBroken, match="half a line"):
        JournalSource(tmp_path).poll(0)
