"""Dead letters: kept with the reason, once, whatever they contain."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from dubhe_sidecar import dead_letters
from dubhe_sidecar.dead_letters import DeadLetters
from tests.dubhe_sdk.spool.helpers import INSTANCE_ID
from tests.dubhe_sidecar.helpers import record


def test_tells_all_of_a_record(tmp_path):
    letters = DeadLetters(tmp_path)
    letters.add(record(7, b'{"a":1}', headers=(("dubhe-batch", b"3/29"),)), "too large", 1234)
    assert letters.path.name == "dead-letters.jsonl"
    assert dead_letters.read(tmp_path) == [
        {
            "time": 1234,
            "reason": "too large",
            "stream": "writer-1",
            "seq": 7,
            "topic": "status",
            "key": INSTANCE_ID,
            "headers": {"dubhe-batch": "3/29"},
            "value": '{"a":1}',
        }
    ]


def test_there_are_none_at_first(tmp_path):
    assert dead_letters.read(tmp_path) == []


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=20)), max_size=6))
def test_any_text_comes_back_and_is_kept_once(tmp_path_factory, letters):
    directory = tmp_path_factory.mktemp("spool")
    for _ in range(2):  # the second time is after a crash of the sidecar
        file = DeadLetters(directory)
        for seq, (value, reason) in enumerate(letters):
            file.add(record(seq, value.encode("utf-8", "replace")), reason, 1)
    read = dead_letters.read(directory)
    assert [(e["seq"], e["value"], e["reason"]) for e in read] == [
        (seq, value, reason) for seq, (value, reason) in enumerate(letters)
    ]


@given(st.binary(max_size=100))
def test_any_bytes_are_kept_as_text(tmp_path_factory, value):
    directory = tmp_path_factory.mktemp("spool")
    DeadLetters(directory).add(record(1, value), "no text", 1)
    (entry,) = dead_letters.read(directory)
    assert entry["value"] == value.decode("utf-8", "replace")


def test_line_breaks_of_unicode_do_not_tear_a_line(tmp_path):
    text = json.dumps("one\u2028two\u2029three\x85four\x0bfive", ensure_ascii=False).encode()
    DeadLetters(tmp_path).add(record(1, text), "reason", 1)
    DeadLetters(tmp_path).add(record(1, text), "reason", 1)
    assert [entry["value"] for entry in dead_letters.read(tmp_path)] == [text.decode()]


def test_a_torn_line_costs_itself_alone(tmp_path):
    letters = DeadLetters(tmp_path)
    letters.add(record(1), "first", 1)
    letters.add(record(2), "second", 1)
    whole = letters.path.read_bytes()
    letters.path.write_bytes(whole[:-20])
    DeadLetters(tmp_path).add(record(3), "third", 1)
    assert [entry["seq"] for entry in dead_letters.read(tmp_path)] == [1, 3]
    DeadLetters(tmp_path).add(record(2), "second again", 1)
    assert [entry["seq"] for entry in dead_letters.read(tmp_path)] == [1, 3, 2]


def test_foreign_lines_are_passed_over(tmp_path):
    (tmp_path / dead_letters.NAME).write_bytes(b'hello\n[1]\n{"a":1}\n"text"\n\xff\xfe\n\n')
    DeadLetters(tmp_path).add(record(1), "reason", 1)
    assert [entry["seq"] for entry in dead_letters.read(tmp_path)] == [1]


def test_the_newest_are_kept_and_what_goes_is_counted(tmp_path, caplog):
    value, bound = b"x" * 1000, 20_000
    letters = DeadLetters(tmp_path, bound)
    for seq in range(100):
        letters.add(record(seq, value), "too large", 1)
        kept = [entry["seq"] for entry in dead_letters.read(tmp_path)]
        assert kept == list(range(letters.discarded, seq + 1))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= bound
    assert letters.discarded > 80
    assert "older dead letters were deleted" in caplog.text
    assert dead_letters.read(tmp_path, 3)[-1]["seq"] == 99
    assert len(dead_letters.read(tmp_path, 3)) == 3
    again = DeadLetters(tmp_path, bound)
    again.add(record(99, value), "too large", 1)
    assert again.discarded == 0  # it was there already
    assert [entry["seq"] for entry in dead_letters.read(tmp_path)] == kept


def test_one_that_exceeds_the_bound_is_kept_alone(tmp_path):
    letters = DeadLetters(tmp_path, 1000)
    for seq in range(3):
        letters.add(record(seq, b"x" * 5000), "too large", 1)
    assert [entry["seq"] for entry in dead_letters.read(tmp_path)] == [1, 2]
    assert letters.discarded == 1
