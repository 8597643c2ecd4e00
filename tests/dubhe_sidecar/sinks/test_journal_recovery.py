"""The journal after a crash: complete lines, each once."""

from __future__ import annotations

import json

import pytest

from tests.dubhe_sdk.spool.helpers import KIB
from tests.dubhe_sidecar.sinks.journal_helpers import deliver, opened, seqs
from tests.support.journal import read_journal


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
