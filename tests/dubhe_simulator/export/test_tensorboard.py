"""TensorBoard itself reads what is written for it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from dubhe_simulator.errors import CannotStart
from dubhe_simulator.export.tensorboard import write_events
from tests.dubhe_simulator.export.stored import EPOCHS, reading
from tests.integrations.tracker_environment import tracker_python
from tests.page.store import BEGAN_MS

pytestmark = pytest.mark.needs("tensorboard")

READ = """
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0}).Reload()
tags = events.Tags()
print(json.dumps([{tag: [(e.wall_time, e.step, e.value) for e in events.Scalars(tag)]
                   for tag in tags["scalars"]}, tags["tensors"]]))
"""


def test_its_own_reader_finds_all_points(stored: Path, tmp_path: Path) -> None:
    with reading(stored) as runs:
        folders = [write_events(data, tmp_path / "logs") for data in runs[:2]]
    assert [folder.name for folder in folders] == ["tool-a1-train-1-1", "tool-a1-train-1-2"]
    command = [tracker_python(), "-c", READ, folders[0]]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    scalars, tensors = json.loads(done.stdout)
    assert set(scalars) == {"loss", "val/loss", "val", "损失 %".replace(" ", "_").replace("%", "_")}
    assert tensors == ["run/text_summary"]
    times, steps, values = zip(*scalars["val/loss"], strict=True)
    assert times == pytest.approx([(BEGAN_MS + 10 * n) / 1000 for n in range(1, EPOCHS + 1)])
    assert list(steps) == list(range(EPOCHS))
    assert values == pytest.approx([2 / epoch for epoch in range(1, EPOCHS + 1)])
    assert math.isnan(scalars["loss"][2][2])


def test_a_run_that_is_there_is_not_written_twice(stored: Path, tmp_path: Path) -> None:
    with reading(stored) as runs:
        write_events(runs[0], tmp_path)
        with pytest.raises(CannotStart, match="is there already"):
            write_events(runs[0], tmp_path)


def test_without_the_package_the_error_names_it(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with reading(stored) as runs, pytest.raises(CannotStart, match="pip install tensorboardX"):
        write_events(runs[0], tmp_path)
    assert list(tmp_path.iterdir()) == []
