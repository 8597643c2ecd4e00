"""Samples from a file that the algorithm can write as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_simulator.platform.managed import system_metrics
from dubhe_simulator.platform.managed.system_metrics import read_samples

GOOD = (
    '{"at": 1000, "memory": 5, "processes": 2}',
    '{"at": 2000, "cpu": 150.5, "memory": 6, "devices": [{"name": "A10 0", "use": 40}]}',
)


def test_what_is_no_sample_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    odd = (
        "", "no JSON", "[1]", "null", '{"cpu": 1}', '{"at": true}', '{"at": "1"}', '{"at": 1e999}',
        '{"at": 1001, "cpu": NaN}', "[" * 100_000,
    )  # fmt: skip
    path.write_bytes(b"\xff\n" + "\n".join([*odd, *GOOD, '{"at": 3000, "cp']).encode())
    first, second = read_samples(path, 0)
    assert first == {"at": 1000, "memory": 5, "processes": 2, "devices": []}
    assert second["devices"] == [{"name": "A10 0", "use": 40}]
    assert read_samples(path, 1000) == [second]


def test_of_a_sample_only_numbers_with_known_names_are_given_out(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(
        '{"at": 1, "cpu": "a", "memory": 1e999, "read": false, "sent": 3, "other": 1, '
        '"devices": [7, {"name": 5, "use": [], "power": 2.5}]}'
    )
    devices = [{"name": "5", "power": 2.5}]
    assert read_samples(path, 0) == [{"at": 1, "sent": 3, "devices": devices}]


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert read_samples(tmp_path / "samples.jsonl", 0) == []
    assert read_samples(tmp_path, 0) == []


def test_a_file_that_no_sidecar_makes_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_metrics, "MOST_BYTES", 10)
    (tmp_path / "samples.jsonl").write_text(GOOD[0])
    assert read_samples(tmp_path / "samples.jsonl", 0) == []
