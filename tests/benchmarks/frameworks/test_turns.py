"""In each round every contestant reports one batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.frameworks import turns
from benchmarks.frameworks.turns import BARE, OURS, Turns


def test_each_contestant_has_one_batch_of_each_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PEERS", {BARE: "bare_write"})
    monkeypatch.setenv("FRAME_BYTES", "260")
    own: list[int] = []
    taking = Turns(tmp_path, warm_up=1)
    for batch in range(8):
        taking.report(lambda batch=batch: own.append(batch))  # type: ignore[misc]
    assert [batch // 2 for batch in own] == [0, 1, 2, 3]
    assert taking.rounds == 3
    assert {name: len(times) for name, times in taking.calls.items()} == {OURS: 3, BARE: 3}
    assert len(taking.batches) == 6
    assert min(taking.batches) > 0
    written = [path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(written) == 4 * 260
