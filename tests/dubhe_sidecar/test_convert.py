"""From frames to records, and the END of a killed service."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubhe_sdk.spool.frame import Frame, Kind
from dubhe_sdk.spool.merge import FrameRun
from dubhe_sidecar.convert import make_end, to_records
from dubhe_sidecar.record import OutgoingRecord, Position
from tests.dubhe_sdk.spool.helpers import DATE_MS, INSTANCE_ID, description


def converted(
    kind: int = Kind.PROGRESS, batch: int = 0, batches: int = 0, **changes
) -> OutgoingRecord:
    one = Frame(kind, 7, 123, DATE_MS, batch, batches, b'{"a":1}', 900)
    two = one._replace(seq=8)
    first, second = to_records(FrameRun("writer-1", 3, [one, two], description(**changes)))
    assert second == first._replace(seq=8)
    return first


def test_carries_all_a_consumer_needs():
    record = converted()
    assert record.stream == "writer-1"
    assert record.seq == 7
    assert record.key == INSTANCE_ID.encode()
    assert record.value == b'{"a":1}'
    assert record.date_ms == DATE_MS
    assert record.headers == ()
    assert record.kind == Kind.PROGRESS
    assert record.end == Position(3, 900)


@pytest.mark.parametrize("kind", list(Kind))
def test_results_have_a_topic_of_their_own(kind):
    topic = converted(kind).topic
    assert topic == ("result" if kind is Kind.RESULT else "status")


def test_the_batch_travels_as_a_header():
    assert converted(batch=0, batches=29).headers == (("dubhe-batch", b"0/29"),)
    assert converted(batch=3, batches=29).headers == (("dubhe-batch", b"3/29"),)


def test_an_instance_that_is_not_unicode_has_a_key_all_the_same():
    assert converted(instance_id="a-\udcff").key == b"a-?"


def test_the_missing_end_is_the_contracts():
    end = make_end(description(), 41, Position(3, 900), DATE_MS, "it was killed")
    assert (end.stream, end.seq, end.kind, end.topic) == ("writer-1", 42, Kind.END, "status")
    assert end.end == Position(3, 900)
    value = json.loads(end.value)
    number = value.pop("request_number")
    assert 0 < number < 2**63
    assert value == {
        "instance_id": INSTANCE_ID,
        "date": DATE_MS,
        "mes_type": 1,
        "data": {
            "action": "END",
            "status": 300,
            "msg": f"{INSTANCE_ID} current model error it was killed",
        },
    }


@given(st.text(max_size=30), st.integers(0, 2**60))
def test_the_missing_end_is_the_same_when_made_again(stream, seq):
    one, other = (make_end(description(stream), seq, Position(1, 1), DATE_MS, "x") for _ in "ab")
    assert one == other
    assert 0 < json.loads(one.value)["request_number"] < 2**63
    assert one.seq == seq + 1
