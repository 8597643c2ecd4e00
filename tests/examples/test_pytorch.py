"""The PyTorch example with the real PyTorch: tensors, data loader workers, ranks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_sdk.service.harness import INFERENCE_ID, App
from tests.dubhe_simulator.fake import processes_with
from tests.examples.torch_environment import torch_python
from tests.support.clients import HttpClient

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


def test_requests_that_come_together_get_their_own_answers(
    python: Path, example: Path, tmp_path: Path
) -> None:
    """They share a pass through the network; the failure of one is its own."""
    made = "from network import *; save(Network(list('0123456789')), 'model.pt')"
    subprocess.run([python, "-c", made], cwd=example, check=True)
    images = sorted((example / "data").rglob("*.png"))[::40]
    env = {"model_path": str(example / "model.pt"), "PATH": f"{python.parent}:{os.environ['PATH']}"}
    with App(example, "", INFERENCE_ID, "http", env) as app, ThreadPoolExecutor(16) as pool:

        def ask(name: str) -> dict[str, Any]:
            request = {"image_base_dir": str(example / "data"), "image_names": [name]}
            message = {**request, "req_type": 3, "instance_id": INFERENCE_ID}
            with closing(HttpClient(app.port)) as client:
                return client.send(message)

        app.start((str(python), "-u", "app.py"))
        names = [str(image.relative_to(example / "data")) for image in images]
        alone = [ask(name) for name in names]
        together = list(pool.map(ask, [*names, "absent.png", *names]))
        failed = together.pop(len(names))
        app.terminate()
        assert app.wait() == 0
    assert failed["flag"] == 2 and "absent.png" in failed["message"]
    for image, one, first, second in zip(
        images, alone, together, together[len(names) :], strict=False
    ):
        assert one["flag"] == 1 and one["data"][0]["img_path"] == str(image)
        assert labels(first) == labels(second) == labels(one)


def labels(reply: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return what a reply says, but for how sure the network is: sums differ with the batch."""
    return [(entry["img_path"], entry["info"][0]["predict_code"]) for entry in reply["data"]]
