"""The embedded journal: whole lines, each once, whatever was torn."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_sdk.reporting.encoding import dumps
from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.sinks import journal
from dubhe_sidecar.sinks.base import OutageCode, SinkError
from dubhe_sidecar.sinks.journal import JournalSink
from tests.dubhe_sdk.spool.helpers import DATE_MS, INSTANCE_ID, KIB, mounted
from tests.dubhe_sidecar.helpers import record
from tests.support.journal import read_journal
from tests.support.waiting import wait_for


def opened(
    directory: Path, state: dict[str, Any] | None = None, file_bytes: int = 64 * KIB
) -> JournalSink:
    sink = JournalSink(directory, file_bytes)
    sink.open(state, undelivered=True, save=lambda state: None)
    return sink


def deliver(sink: JournalSink, *seqs: int, stream: str = "writer-1") -> None:
    for seq in seqs:
        sink.send(record(seq, b'{"n":%d}' % seq, stream=stream))
    outcomes = sink.collect(0)
    assert [outcome.record.seq for outcome in outcomes] == list(seqs)
    assert all(outcome.rejected is None for outcome in outcomes)


def seqs(directory: Path) -> list[int]:
    return [int(message["headers"]["dubhe-seq"]) for message in read_journal(directory)]


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_line_holds_all_of_a_record(tmp_path):
    sink = opened(tmp_path / "made" / "journal")
    sink.send(record(4, b'{"a":"\xe5\xa4\xa9"}', headers=(("dubhe-batch", b"3/29"),)))
    assert sink.in_flight == 1
    assert len(sink.collect(0)) == 1
    assert sink.in_flight == 0
    assert not sink.collect(0)
    assert read_journal(tmp_path / "made" / "journal") == [
        {
            "offset": 0,
            "topic": "status",
            "key": INSTANCE_ID,
            "timestamp": DATE_MS,
            "headers": {"dubhe-writer": "writer-1", "dubhe-seq": "4", "dubhe-batch": "3/29"},
            "value": {"a": "天"},
        }
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(JSON, st.text(max_size=9)), min_size=1, max_size=5), st.integers(1, 900))
def test_any_message_comes_back(tmp_path_factory, messages, file_bytes):
    directory = tmp_path_factory.mktemp("journal")
    sink = opened(directory, file_bytes=file_bytes)
    for seq, (value, topic) in enumerate(messages, 1):
        sink.send(record(seq, dumps(value), topic=topic))
        sink.collect(0)
    sink.close()
    read = read_journal(directory)
    assert [message["offset"] for message in read] == list(range(len(messages)))
    assert [message["topic"] for message in read] == [topic for _, topic in messages]
    assert [message["value"] for message in read] == [json.loads(dumps(v)) for v, _ in messages]


def test_a_topic_that_is_not_unicode(tmp_path):
    sink = opened(tmp_path)
    sink.send(record(1, topic="status-\udcff"))
    sink.collect(0)
    assert read_journal(tmp_path)[0]["topic"] == "status-?"


def test_rolls_over_and_is_named_by_the_first_offset(tmp_path):
    sink = opened(tmp_path, file_bytes=500)
    for seq in range(1, 21):
        deliver(sink, seq)
    assert len(files(tmp_path)) > 4
    messages = read_journal(tmp_path)
    assert [message["offset"] for message in messages] == list(range(20))
    for path in sorted(tmp_path.iterdir()):
        with path.open("rb") as file:
            first = json.loads(file.readline())
        assert path.name == f"{first['offset']:020d}.jsonl"


def test_goes_on_behind_the_last_line(tmp_path):
    state = None
    for seq in range(1, 11):
        sink = opened(tmp_path, state, file_bytes=400)
        assert sink.delivered == {}
        deliver(sink, seq)
        state = json.loads(json.dumps(sink.state()))
        sink.close()
    assert seqs(tmp_path) == list(range(1, 11))
    assert [message["offset"] for message in read_journal(tmp_path)] == list(range(10))


@pytest.mark.parametrize("file_bytes", [100, 500, 64 * KIB])
def test_finds_what_was_delivered_beyond_the_state(tmp_path, file_bytes):
    sink = opened(tmp_path, file_bytes=file_bytes)
    deliver(sink, 1)
    deliver(sink, 2)
    state = sink.state()
    for seq in (3, 4, 5, 6):
        deliver(sink, seq)
    deliver(sink, 1, 2, stream="writer-2")
    sink.close()
    again = opened(tmp_path, state, file_bytes)
    assert again.delivered == {
        "writer-1": frozenset({3, 4, 5, 6}),
        "writer-2": frozenset({1, 2}),
    }
    deliver(again, 7)
    assert [message["offset"] for message in read_journal(tmp_path)] == list(range(9))


def test_before_the_first_state_everything_counts_as_delivered(tmp_path):
    sink = opened(tmp_path)
    deliver(sink, 1, 2, 3)
    sink.close()
    assert opened(tmp_path, None).delivered == {"writer-1": frozenset({1, 2, 3})}


@pytest.mark.parametrize("cut", [1, 2, 40, 100])
def test_a_torn_last_line_is_cut_off(tmp_path, cut):
    sink = opened(tmp_path)
    deliver(sink, 1, 2)
    state = sink.state()
    deliver(sink, 3, 4)
    sink.close()
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    again = opened(tmp_path, state)
    assert again.delivered == {"writer-1": frozenset({3})}
    deliver(again, 4)
    assert path.read_bytes() == whole


def test_a_torn_line_of_a_file_that_was_just_begun(tmp_path):
    sink = opened(tmp_path, file_bytes=10)
    deliver(sink, 1)
    state = sink.state()
    sink.close()
    (tmp_path / f"{1:020d}.jsonl").write_bytes(b'{"offset": 1, "topic"')
    again = opened(tmp_path, state, file_bytes=10)
    assert again.delivered == {}
    deliver(again, 2)
    assert seqs(tmp_path) == [1, 2]


def test_somebody_elses_lines_are_passed_over(tmp_path):
    (tmp_path / f"{0:020d}.jsonl").write_bytes(b'hello\n{"headers": {}}\n[]\n\n')
    (tmp_path / "notes.jsonl").write_text("not ours")
    sink = opened(tmp_path)
    assert sink.delivered == {}
    deliver(sink, 1)
    lines = (tmp_path / f"{0:020d}.jsonl").read_bytes().splitlines()
    assert len(lines) == 5
    assert json.loads(lines[-1])["offset"] == 4


def test_a_state_of_another_journal_destroys_nothing(tmp_path):
    """The folder was exchanged: what lies in it is behind no state of ours."""
    sink = opened(tmp_path)
    deliver(sink, 1, 2, 3)
    sink.close()
    again = opened(tmp_path, {"base": 5000, "size": 123})
    deliver(again, 4)
    assert seqs(tmp_path) == [1, 2, 3, 4]
    assert [message["offset"] for message in read_journal(tmp_path)] == [0, 1, 2, 3]


def test_a_journal_that_was_removed_begins_anew(tmp_path):
    again = opened(tmp_path / "journal", {"base": 5000, "size": 123})
    deliver(again, 1)
    assert seqs(tmp_path / "journal") == [1]


def test_old_files_are_deleted_when_all_are_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "KEEP_BYTES", 2000)
    sink = opened(tmp_path, file_bytes=500)
    for seq in range(1, 101):
        deliver(sink, seq)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3000
    assert seqs(tmp_path)[-1] == 100
    offsets = [message["offset"] for message in read_journal(tmp_path)]
    assert offsets == list(range(offsets[0], 100))


BIG = b'{"n":"%s"}' % (b"x" * 1000)


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    ballast.write_bytes(b"x" * 40 * KIB)
    return ballast


@pytest.mark.needs("root")
def test_a_full_disk_is_waited_for_and_whole_lines_stay(tmp_path):
    with mounted(tmp_path / "disk", "-o", "size=64k") as disk:
        sink = opened(disk)
        deliver(sink, 1)
        ballast = fill(disk)
        for seq in range(2, 50):
            sink.send(record(seq, BIG))
        told = [outcome.record.seq for outcome in sink.collect(0)]
        assert told == list(range(2, 2 + len(told)))
        assert 3 < len(told) < 40
        assert seqs(disk) == [1, *told]
        assert sink.state()["size"] == (disk / f"{0:020d}.jsonl").stat().st_size
        assert sink.outage is not None
        assert sink.outage.code is OutageCode.OTHER
        assert "No space left" in sink.outage.text
        assert str(disk) in sink.outage.text
        assert sink.in_flight == 48 - len(told)
        assert not sink.collect(0)
        ballast.unlink()
        wait_for(lambda: told.extend(o.record.seq for o in sink.collect(0.1)) or len(told) == 48)
        assert told == list(range(2, 50)) == seqs(disk)[1:]
        assert sink.outage is None
        assert sink.retries >= 1
        assert [message["offset"] for message in read_journal(disk)] == list(range(49))


@pytest.mark.needs("root")
def test_killed_on_a_full_disk_it_repeats_nothing_afterwards(tmp_path):
    with mounted(tmp_path / "disk", "-o", "size=64k") as disk:
        sink = opened(disk)
        deliver(sink, 1)
        state = sink.state()
        ballast = fill(disk)
        for seq in range(2, 200):
            sink.send(record(seq, BIG))
        sink.collect(0)
        sink.close()
        ballast.unlink()
        again = opened(disk, state)
        already = again.delivered["writer-1"]
        assert already == frozenset(range(2, 2 + len(already)))
        assert len(already) > 3
        deliver(again, 2 + len(already))
        assert seqs(disk) == list(range(1, 3 + len(already)))


@pytest.mark.needs("root")
def test_what_is_handed_over_while_the_disk_is_full_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_BUFFER_BYTES", 8 * KIB)
    with mounted(tmp_path / "disk", "-o", "size=64k") as disk:
        sink = opened(disk)
        ballast = fill(disk)
        sent: list[int] = []

        def send() -> None:
            for seq in range(1, 41):
                sink.send(record(seq, BIG))
                sent.append(seq)

        sending = threading.Thread(target=send)
        sending.start()
        wait_for(lambda: sink.outage, "the full disk")
        held = len(sent) - len(seqs(disk))
        assert held <= 9
        assert sending.is_alive()
        before = sink.state()
        assert before == {"base": 0, "size": 0}, "nothing was collected yet"
        ballast.unlink()
        sending.join(20)
        told = [outcome.record.seq for outcome in sink.collect(0)]
        assert told == list(range(1, 41)) == seqs(disk)


def test_a_journal_removed_under_a_running_sink_is_told(tmp_path):
    sink = opened(tmp_path / "journal")
    deliver(sink, 1)
    shutil.rmtree(tmp_path / "journal")
    sink.send(record(2))
    with pytest.raises(SinkError, match="was removed"):
        sink.collect(0)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "journal").write_text("a file in its place")
    with pytest.raises(SinkError) as caught:
        opened(tmp_path / "journal")
    assert str(tmp_path / "journal") in str(caught.value)


def test_an_end_that_was_added_is_a_line_like_any_other(tmp_path):
    sink = opened(tmp_path)
    sink.send(record(1, b'{"data":{"action":"END"}}', kind=Kind.END))
    sink.collect(0)
    assert read_journal(tmp_path)[0]["value"] == {"data": {"action": "END"}}
    assert sink.outage is None
    assert sink.retries == 0
    sink.close()
    sink.close()
