"""Outcomes in the order of reading, including records that had already arrived."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubhe_sidecar.in_flight import InFlightQueue
from dubhe_sidecar.sinks.base import DeliveryOutcome
from tests.dubhe_sidecar.helpers import record


@given(st.data())
def test_every_record_comes_once_in_the_order_of_reading(data):
    arrived = data.draw(st.lists(st.booleans(), max_size=30))
    queue = InFlightQueue()
    sent: deque[DeliveryOutcome] = deque()
    out: list[DeliveryOutcome] = []
    entered = 0
    for had in arrived:
        entered += 1
        one = record(entered, stream=f"writer-{entered % 3}")
        queue.append(one, arrived=had)
        if not had:
            sent.append(DeliveryOutcome(one, data.draw(st.sampled_from([None, "too large"]))))
        if data.draw(st.booleans()):
            told = [sent.popleft() for _ in range(data.draw(st.integers(0, len(sent))))]
            out += queue.complete(told) if told else queue.pop_arrived()
        # What is before the first one without an outcome has come, and nothing else.
        waiting = sent[0].record.seq - 1 if sent else entered
        assert len(out) <= waiting
        assert len(queue) == entered - len(out)
    out += queue.complete(list(sent))
    assert [outcome.record.seq for outcome in out] == list(range(1, entered + 1))
    assert len(queue) == 0
    assert not any(queue.contains_stream(f"writer-{n}") for n in range(3))
    assert all(o.rejected is None for o, had in zip(out, arrived, strict=True) if had)


def test_tells_which_streams_are_on_their_way():
    queue = InFlightQueue()
    queue.append(record(1, stream="a"), arrived=False)
    queue.append(record(1, stream="b"), arrived=True)
    assert queue.contains_stream("a")
    assert queue.contains_stream("b"), "it waits for its turn"
    assert list(queue.pop_arrived()) == []
    assert len(list(queue.complete([DeliveryOutcome(record(1, stream="a"), None)]))) == 2
    assert not queue.contains_stream("a")
    assert not queue.contains_stream("b")


def test_an_outcome_out_of_turn_is_a_fault_of_the_sink():
    queue = InFlightQueue()
    queue.append(record(1), arrived=False)
    queue.append(record(2), arrived=False)
    with pytest.raises(AssertionError, match="expected"):
        list(queue.complete([DeliveryOutcome(record(2), None)]))
