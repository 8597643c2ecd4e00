"""The PyTorch example with the real PyTorch: tensors, data loader workers, ranks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_simulator.fake import processes_with
from tests.examples.torch_environment import torch_python

EXAMPLES = Path(__file__).parents[2] / "examples"
TIMEOUT_S = 240.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first may have to install PyTorch


@pytest.fixture(scope="session")
def python() -> Path:
    return torch_python()


@pytest.fixture
def example(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("data", "output", "temporary", "runs", "__pycache__")
    folder = shutil.copytree(EXAMPLES / "pytorch", tmp_path / "pytorch", ignore=ignored)
    prepare = EXAMPLES / "digits" / "prepare.py"
    subprocess.run([sys.executable, prepare, folder / "data"], check=True)
    return folder


def play(
    python: Path, example: Path, *options: str, **params: int
) -> tuple[str, list[dict[str, Any]]]:
    """Return what `dubhe play` printed, and the training's progress messages."""
    runs = example / "runs"
    command = [python, "-m", "dubhe_sdk.cli.bin.dubhe", "play", example, "--runs-dir", runs]
    path = f"{python.parent}:{os.environ['PATH']}"
    # Several processes compute at once: a thread for each processor in each of them is too many.
    env = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--special-params", json.dumps(params), *options],
        stdout=subprocess.PIPE, text=True, env=env, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert not processes_with(str(runs)), "ranks and workers have ended"
    values = [
        json.loads(line)["value"]
        for file in sorted(runs.glob("*/train/journal/*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    return done.stdout, [value["data"] for value in values if value["mes_type"] == 2]


def accuracy(out: str) -> float:
    found = re.search(r"^Evaluation: accuracy ([\d.]+) \(\d+ of 359\)$", out, re.MULTILINE)
    assert found is not None, out
    return float(found[1])


def test_one_process_with_data_loader_workers(python: Path, example: Path) -> None:
    out, progress = play(python, example, epochs=3, ranks=1)
    assert accuracy(out) > 0.85
    batches = -(-1258 // 32)
    losses = [data["loss"] for data in progress if "loss" in data]
    assert len(losses) == 3 * batches
    assert all(isinstance(loss, float) for loss in losses), "tensors became numbers"
    assert losses[-1] < losses[0] / 2
    assert re.search(r"^  inference +1 +0 +0 +0 +0 +1 +1 +0 +0$", out, re.MULTILINE), out


def test_ranks_report_together(python: Path, example: Path) -> None:
    out, progress = play(python, example, "--kinds", "train,evaluate", epochs=2, ranks=2)
    assert accuracy(out) > 0.7
    for rank in range(2):
        speeds = [data for data in progress if f"images_per_second_rank{rank}" in data]
        assert [data["epoch"] for data in speeds] == [0, 1]
    losses = [data["progress"] for data in progress if "loss" in data]
    assert losses == sorted(losses) and len(losses) == 2 * -(-1258 // 2 // 32)
