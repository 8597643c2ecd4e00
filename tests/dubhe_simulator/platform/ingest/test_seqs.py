from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dubhe_simulator.platform.ingest.seqs import SeqSet


@given(st.lists(st.integers(0, 40)))
def test_it_is_a_set(numbers: list[int]) -> None:
    seen: set[int] = set()
    seqs = SeqSet()
    for number in numbers:
        assert seqs.add(number) == (number not in seen)
        seen.add(number)
        seqs = SeqSet(seqs.spans)  # as the store keeps it
    covered = [n for first, last in seqs.spans for n in range(first, last + 1)]
    assert covered == sorted(seen)
    gaps = zip(seqs.spans, seqs.spans[1:], strict=False)
    assert all(right[0] - left[1] > 1 for left, right in gaps)
