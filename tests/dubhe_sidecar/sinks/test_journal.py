"""The embedded journal: lines, files, errors."""

from __future__ import annotations

import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_sdk.reporting.encoding import dumps
from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.sinks import journal
from dubhe_sidecar.sinks.base import SinkError
from tests.dubhe_sdk.spool.helpers import DATE_MS, INSTANCE_ID
from tests.dubhe_sidecar.helpers import record
from tests.dubhe_sidecar.sinks.journal_helpers import deliver, files, opened, seqs
from tests.support.journal import read_journal


def test_a_line_holds_all_of_a_record(tmp_path):
    sink = opened(tmp_path / "made" / "journal")
    sink.send([record(4, b'{"a":"\xe5\xa4\xa9"}', headers=(("dubhe-batch", b"3/29"),))])
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
        sink.send([record(seq, dumps(value), topic=topic)])
        sink.collect(0)
    sink.close()
    read = read_journal(directory)
    assert [message["offset"] for message in read] == list(range(len(messages)))
    assert [message["topic"] for message in read] == [topic for _, topic in messages]
    assert [message["value"] for message in read] == [json.loads(dumps(v)) for v, _ in messages]


def test_a_topic_that_is_not_unicode(tmp_path):
    sink = opened(tmp_path)
    sink.send([record(1, topic="status-\udcff")])
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


def test_old_files_are_deleted_when_all_are_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "KEEP_BYTES", 2000)
    sink = opened(tmp_path, file_bytes=500)
    for seq in range(1, 101):
        deliver(sink, seq)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3000
    assert seqs(tmp_path)[-1] == 100
    offsets = [message["offset"] for message in read_journal(tmp_path)]
    assert offsets == list(range(offsets[0], 100))


def test_a_journal_removed_under_a_running_sink_is_told(tmp_path):
    sink = opened(tmp_path / "journal")
    deliver(sink, 1)
    shutil.rmtree(tmp_path / "journal")
    sink.send([record(2)])
    with pytest.raises(SinkError, match="was removed"):
        sink.collect(0)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "journal").write_text("a file in its place")
    with pytest.raises(SinkError) as caught:
        opened(tmp_path / "journal")
    assert str(tmp_path / "journal") in str(caught.value)


def test_an_end_that_was_added_is_a_line_like_any_other(tmp_path):
    sink = opened(tmp_path)
    sink.send([record(1, b'{"data":{"action":"END"}}', kind=Kind.END)])
    sink.collect(0)
    assert read_journal(tmp_path)[0]["value"] == {"data": {"action": "END"}}
    assert sink.outage is None
    assert sink.retries == 0
    sink.close()
    sink.close()
