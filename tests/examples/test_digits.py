"""The digits example, trained for real through ``dubhe play``: SDK, service, sidecar, journal."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dubhe_simulator.fake import processes_with
from tests.kafka.broker import Broker

pytestmark = pytest.mark.slow

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
TIMEOUT_S = 180.0


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images, prepared once."""
    folder = tmp_path_factory.mktemp("digits")
    subprocess.run([sys.executable, str(DIGITS / "prepare.py"), str(folder)], check=True)
    return folder


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A copy of the example, so that the models of a test are its own."""
    ignored = shutil.ignore_patterns("data", "output", "temporary", "__pycache__")
    return shutil.copytree(DIGITS, tmp_path / "digits", ignore=ignored)


def start(example: Path, images: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dubhe_sdk.cli.bin.dubhe", "play", str(example)]
    command += ["--data-dir", str(images), "--runs-dir", str(example / "runs"), *options]
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    env.pop("BOOTSTRAP_SERVERS", None)
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)


def play(example: Path, images: Path, *options: str) -> str:
    with start(example, images, *options) as process:
        out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, out
    assert not processes_with(str(example / "runs")), out
    return out


def check(out: str) -> None:
    accuracy = re.search(r"^Evaluation: accuracy ([\d.]+) \(\d+ of 359\)$", out, re.MULTILINE)
    assert accuracy is not None, out
    assert float(accuracy[1]) >= 0.95
    # Messages: READY START progress result END, reported received gaps duplicates.
    assert re.search(r"^  training +1 +1 +800 +180 +1 +983 +983 +0 +0$", out, re.MULTILINE), out
    assert re.search(r"^  evaluation +1 +1 +1 +359 +1 +363 +363 +0 +0$", out, re.MULTILINE), out
    assert re.search(r"^  inference +1 +0 +0 +0 +0 +1 +1 +0 +0$", out, re.MULTILINE), out
    answers = re.findall(r"test/(\d)/\d+\.png  →  (\d)", out)
    assert len(answers) == 6
    assert sum(truth == said for truth, said in answers) >= 5
    assert ", 0 lost" in out


def test_the_images_are_all_there_and_the_split_is_the_same_every_time(
    images: Path, tmp_path: Path
) -> None:
    def names(folder: Path) -> list[str]:
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))

    subprocess.run([sys.executable, str(DIGITS / "prepare.py"), str(tmp_path / "b")], check=True)
    assert names(images) == names(tmp_path / "b")
    assert len(names(images)) == 1797


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_train_evaluate_infer(example: Path, images: Path, protocol: str) -> None:
    script = example / "run.sh"
    script.write_text(script.read_text().replace('"http"', f'"{protocol}"'))
    out = play(example, images)
    assert f"({protocol})" in out
    check(out)
    models = sorted((example / "output" / "models").iterdir())
    assert len(models) == 20
    assert all(re.fullmatch(r"model_\d{17}_\d+_\d\.\d\d\.pkl", path.name) for path in models)


def test_through_kafka(example: Path, images: Path, kafka: Broker) -> None:
    out = play(example, images, "--brokers", kafka.bootstrap)
    assert f"Kafka    {kafka.bootstrap}: alg_model_progress, als_model_result" in out
    check(out)


def test_special_params_set_the_epochs(example: Path, images: Path) -> None:
    play(example, images, "--special-params", '{"epochs": 2}')
    assert len(list((example / "output" / "models").iterdir())) == 2


@pytest.mark.parametrize(
    ("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_in_mid_training_leaves_no_process(
    example: Path, images: Path, signum: signal.Signals, status: int
) -> None:
    with start(example, images, "--special-params", '{"epochs": 2000}') as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "epoch 0" in line:
                break
        assert processes_with(str(example / "runs"))
        process.send_signal(signum)
        assert process.wait(20) == status
    assert not processes_with(str(example / "runs"))
    [journal] = example.glob("runs/*/train/journal")
    written = "".join(path.read_text() for path in sorted(journal.iterdir()))
    assert '"status":300' in written  # the platform was told, once
    assert written.count('"END"') == 1
