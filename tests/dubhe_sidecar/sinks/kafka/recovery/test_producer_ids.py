"""Which producers are known, and when that cannot be said."""

from __future__ import annotations

import json

import pytest

from dubhe_sidecar.sinks.base import SinkError
from dubhe_sidecar.sinks.kafka.recovery.producer_ids import MOST, ProducerIds


def test_a_first_start_knows_that_there_are_none() -> None:
    assert ProducerIds(None).known == frozenset()


def test_a_state_without_ids_means_that_any_batch_may_be_ours() -> None:
    ids = ProducerIds({"topics": {}})
    ids.add(7)
    assert ids.known is None
    assert ids.state() is None
    ids.keep_only(7)  # nothing of before is in doubt any more
    assert ids.known == {7}


def test_state_survives_json() -> None:
    ids = ProducerIds()
    for one in (5, 2**40, 6):
        ids.add(one)
    state = json.loads(json.dumps({"producer_ids": ids.state()}))
    assert ProducerIds(state).known == {5, 2**40, 6}
    ids.keep_only(None)
    assert ids.state() == []


def test_the_list_is_bounded_and_then_nothing_is_passed_over() -> None:
    ids = ProducerIds()
    for one in range(MOST):
        ids.add(one)
    assert ids.known == set(range(MOST))
    ids.add(MOST)
    assert ids.known is None
    assert MOST in ids


@pytest.mark.parametrize("ids", [3, ["x"], [None]])
def test_a_state_of_another_shape_is_an_error(ids: object) -> None:
    with pytest.raises(SinkError, match="saved state"):
        ProducerIds({"producer_ids": ids})
