"""When samples are taken, and that no reader disturbs the others."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from dubhe_sidecar.system.reader import Figures, ReaderFailed
from dubhe_sidecar.system.sample_file import SampleFile
from dubhe_sidecar.system.sampler import SHARE, PacedReader, Sampler


class Costly:
    """Each call takes so many seconds of a processor."""

    name = "costly"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.used = 0.0
        self.calls = 0

    def read(self) -> Figures:
        self.used += self.seconds
        self.calls += 1
        return {"calls": self.calls}


class Failing:
    name = "failing"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self) -> Figures:
        raise self.error


@pytest.mark.parametrize("seconds", [0.0001, 0.01, 0.5])
def test_the_pace_keeps_below_its_share_of_a_processor(seconds: float) -> None:
    now, day, interval = 0.0, 86_400.0, 5.0
    reader = Costly(seconds)
    paced = PacedReader(reader, interval, lambda: now, lambda: reader.used)
    first_minute, at_noon = 0, 0.0
    while now < day:
        paced.read_if_due()
        at_noon = reader.used if now <= day / 2 else at_noon
        first_minute = reader.calls if now <= 60 else first_minute
        now += interval
    assert (reader.used - at_noon) / (day / 2) <= SHARE * 1.2
    assert reader.used / day <= SHARE * 2, "with the beginning"
    assert reader.calls <= day / interval + 1
    assert first_minute >= 5, "a short task has samples too"


def test_a_cheap_reader_has_every_turn() -> None:
    now = 0.0
    reader = Costly(0.0)
    paced = PacedReader(reader, 5.0, lambda: now, lambda: 0.0)
    for _ in range(100):
        assert paced.read_if_due()
        now += 5.1


@pytest.mark.parametrize("error", [ReaderFailed("no driver"), RuntimeError("odd")])
def test_a_reader_that_fails_disturbs_no_other_and_is_logged_once(
    error: Exception, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "samples.jsonl"
    sampler = Sampler(5.0, SampleFile(path), 1)
    now = 0.0
    readers = [
        PacedReader(Failing(error), 5.0, lambda: now),
        PacedReader(Costly(0.0), 5.0, lambda: now, lambda: 0.0),
    ]
    with caplog.at_level(logging.WARNING, "dubhe_sidecar"):
        for _ in range(30):
            sampler.sample(readers)
            now += 5.1
    assert [json.loads(line)["calls"] for line in path.read_text().splitlines()] == [*range(1, 31)]
    assert len([r for r in caplog.records if str(error) in r.getMessage()]) == 1


def test_devices_of_both_makers_stand_side_by_side(tmp_path: Path) -> None:
    class Devices(Costly):
        def read(self) -> Figures:
            return {"devices": [{"name": self.seconds}]}

    path = tmp_path / "samples.jsonl"
    readers = [PacedReader(Devices(n), 5.0) for n in (1, 2)]
    Sampler(5.0, SampleFile(path), 1).sample(readers)
    assert json.loads(path.read_text())["devices"] == [{"name": 1}, {"name": 2}]


def test_a_disk_that_takes_nothing_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    sampler = Sampler(5.0, SampleFile(tmp_path / "file" / "samples.jsonl"), 1)
    for _ in range(3):
        sampler.sample([PacedReader(Costly(0.0), 5.0)])
    assert len(caplog.records) == 1
