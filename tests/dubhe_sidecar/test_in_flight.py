"""The ledger: outcomes in the order of reading, also of what had arrived before."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubhe_sidecar.in_flight import Ledger
from dubhe_sidecar.sinks.base import Outcome
from tests.dubhe_sidecar.helpers import record


@given(st.data())
def test_every_record_comes_once_in_the_order_of_reading(data):
    arrived = data.draw(st.lists(st.booleans(), max_size=30))
    ledger = Ledger()
    sent: deque[Outcome] = deque()
    out: list[Outcome] = []
    entered = 0
    for had in arrived:
        entered += 1
        one = record(entered, stream=f"writer-{entered % 3}")
        ledger.enter(one, arrived=had)
        if not had:
            sent.append(Outcome(one, data.draw(st.sampled_from([None, "too large"]))))
        if data.draw(st.booleans()):
            told = [sent.popleft() for _ in range(data.draw(st.integers(0, len(sent))))]
            out += ledger.settle(told) if told else ledger.arrived()
        # What is before the first one without an outcome has come, and nothing else.
        waiting = sent[0].record.seq - 1 if sent else entered
        assert len(out) <= waiting
        assert len(ledger) == entered - len(out)
    out += ledger.settle(list(sent))
    assert [outcome.record.seq for outcome in out] == list(range(1, entered + 1))
    assert len(ledger) == 0
    assert not any(ledger.holds(f"writer-{n}") for n in range(3))
    assert all(o.rejected is None for o, had in zip(out, arrived, strict=True) if had)


def test_tells_which_streams_are_on_their_way():
    ledger = Ledger()
    ledger.enter(record(1, stream="a"), arrived=False)
    ledger.enter(record(1, stream="b"), arrived=True)
    assert ledger.holds("a")
    assert ledger.holds("b"), "it waits for its turn"
    assert list(ledger.arrived()) == []
    assert len(list(ledger.settle([Outcome(record(1, stream="a"), None)]))) == 2
    assert not ledger.holds("a")
    assert not ledger.holds("b")


def test_an_outcome_out_of_turn_is_a_fault_of_the_sink():
    ledger = Ledger()
    ledger.enter(record(1), arrived=False)
    ledger.enter(record(2), arrived=False)
    with pytest.raises(AssertionError, match="expected"):
        list(ledger.settle([Outcome(record(2), None)]))
