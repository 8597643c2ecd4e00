from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dubhe_simulator.platform.state.deduplication import IntervalSet


@given(st.lists(st.integers(0, 40)))
def test_it_is_a_set(numbers: list[int]) -> None:
    seen: set[int] = set()
    intervals = IntervalSet()
    for number in numbers:
        assert intervals.add(number) == (number not in seen)
        seen.add(number)
        intervals = IntervalSet(intervals.spans)  # as the database keeps it
    covered = [n for first, last in intervals.spans for n in range(first, last + 1)]
    assert covered == sorted(seen)
    gaps = zip(intervals.spans, intervals.spans[1:], strict=False)
    assert all(right[0] - left[1] > 1 for left, right in gaps)
