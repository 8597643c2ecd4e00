"""The example without images, by ``dubhe play``: on a folder and on a single file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dubhe_simulator.fake import processes_with

pytestmark = pytest.mark.slow

SENSOR = Path(__file__).parents[2] / "examples" / "sensor"
TIMEOUT_S = 120.0


@pytest.fixture
def example(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("data", "output", "runs", "temporary", "__pycache__")
    folder = shutil.copytree(SENSOR, tmp_path / "sensor", ignore=ignored)
    subprocess.run([sys.executable, "prepare.py"], cwd=folder, check=True)
    return folder


def play(example: Path, *options: str) -> str:
    command = [sys.executable, "-m", "dubhe_sdk.cli.bin.dubhe", "play", str(example), *options]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": path}
    env.pop("BOOTSTRAP_SERVERS", None)
    done = subprocess.run(
        [*command, "--runs-dir", str(example / "runs")],
        stdout=subprocess.PIPE, text=True, env=env, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert not processes_with(str(example / "runs")), done.stdout
    assert ", 0 lost" in done.stdout
    return done.stdout


def test_train_evaluate_infer(example: Path) -> None:
    out = play(example)
    accuracy = re.search(r"^Evaluation: accuracy ([\d.]+) \(\d+ of 240\)$", out, re.MULTILINE)
    assert accuracy is not None, out
    assert 0.85 <= float(accuracy[1]) < 1, "neither useless nor without a mistake to look at"
    assert re.search(r"pump-4:0000  →  (ok|fault)", out), out


def test_a_single_file_is_data(example: Path) -> None:
    out = play(example, "--data-dir", str(example / "data" / "test" / "pump-5.csv"))
    assert re.search(r"^Evaluation: accuracy [\d.]+ \(\d+ of 120\)$", out, re.MULTILINE), out


def test_the_algorithm_is_short() -> None:
    assert len((SENSOR / "app.py").read_text().splitlines()) <= 80
