"""The file stays small and covers the whole time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dubhe_sidecar.system import sample_file
from dubhe_sidecar.system.sample_file import SampleFile


def times(path: Path) -> list[int]:
    return [json.loads(line)["at"] for line in path.read_text().splitlines()]


def test_a_long_run_is_covered_more_coarsely_the_longer_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_file, "MOST", 100)
    path = tmp_path / "system" / "samples.jsonl"
    file = SampleFile(path)
    for at in range(1000):
        file.append({"at": at})
        assert len(times(path)) <= 100
    kept = times(path)
    assert kept[0] == 0 and kept[-1] == 999 and kept == sorted(kept)
    assert len(kept) > 40
    assert kept[1] - kept[0] > kept[-1] - kept[-2]


def test_a_successor_goes_on_after_a_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    SampleFile(path).append({"at": 1})
    with path.open("a") as file:
        file.write('{"at": 2, "cp')
    SampleFile(path).append({"at": 3})
    assert times(path) == [1, 3]


def test_a_sample_that_is_far_too_long_is_left_out(tmp_path: Path) -> None:
    file = SampleFile(tmp_path / "samples.jsonl")
    file.append({"at": 1, "devices": ["x" * sample_file.LINE_BYTES]})
    file.append({"at": 2})
    assert times(tmp_path / "samples.jsonl") == [2]
