"""Outcomes in the order of reading, including records that had already arrived."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubhe_sidecar.in_flight import InFlightQueue
from dubhe_sidecar.sinks.base import DeliveryOutcome
from tests.dubhe_sidecar.helpers import RecordOutcome, each, record


@given(st.data())
def test_every_record_comes_once_in_the_order_of_reading(data):
    runs = data.draw(st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=30))
    queue = InFlightQueue()
    sent: deque[DeliveryOutcome] = deque()
    out: list[RecordOutcome] = []
    entered = 0
    arrived = set()
    for length, had in runs:
        run = [
            record(seq, stream=f"writer-{entered % 3}")
            for seq in range(entered + 1, entered + 1 + length)
        ]
        entered += length
        queue.append(run, arrived=had)
        if had:
            arrived.update(one.seq for one in run)
        while run and not had:  # its outcomes come in one piece or in several
            count = data.draw(st.integers(1, len(run)))
            reason = data.draw(st.sampled_from([None, "too large"]))
            sent.append(DeliveryOutcome(run[:count], reason))
            run = run[count:]
        if data.draw(st.booleans()):
            told = [sent.popleft() for _ in range(data.draw(st.integers(0, len(sent))))]
            out += each(queue.complete(told) if told else queue.pop_arrived())
        # What is before the first one without an outcome has come, and nothing else.
        waiting = sent[0].records[0].seq - 1 if sent else entered
        assert len(out) <= waiting
        assert len(queue) == entered - len(out)
    out += each(queue.complete(list(sent)))
    assert [outcome.record.seq for outcome in out] == list(range(1, entered + 1))
    assert len(queue) == 0
    assert not any(queue.contains_stream(f"writer-{n}") for n in range(3))
    assert all(o.rejected is None for o in out if o.record.seq in arrived)


def test_tells_which_streams_are_on_their_way():
    queue = InFlightQueue()
    queue.append([record(1, stream="a")], arrived=False)
    queue.append([record(1, stream="b")], arrived=True)
    assert queue.contains_stream("a")
    assert queue.contains_stream("b"), "it waits for its turn"
    assert list(queue.pop_arrived()) == []
    assert len(list(queue.complete([DeliveryOutcome([record(1, stream="a")], None)]))) == 2
    assert not queue.contains_stream("a")
    assert not queue.contains_stream("b")


def test_an_outcome_out_of_turn_is_a_fault_of_the_sink():
    queue = InFlightQueue()
    queue.append([record(1)], arrived=False)
    queue.append([record(2)], arrived=False)
    with pytest.raises(AssertionError, match="expected"):
        list(queue.complete([DeliveryOutcome([record(2)], None)]))
