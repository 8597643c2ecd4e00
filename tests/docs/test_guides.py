"""The algorithms of the guides do what the guides say.

One language is enough: test_languages.py shows that the other has the same code.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import dubhe_sdk
from tests.docs.algorithms import dubhe, messages, titled
from tests.docs.markdown import ROOT, code_blocks
from tests.page.platform import Service
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

RUN_SH = "export protocol=http\nexec python3 -u app.py\n"


def algorithm(folder: Path, guide: str) -> Path:
    folder.mkdir()
    (folder / "app.py").write_text(titled(f"docs/en/guides/{guide}.md", "app.py"), "utf-8")
    (folder / "run.sh").write_text(RUN_SH)
    return folder


def python_of(guide: str) -> list[str]:
    """Return a guide's blocks in Python."""
    text = (ROOT / f"docs/en/guides/{guide}.md").read_text("utf-8")
    return [block.text for block in code_blocks(text) if block.language == "python"]


def send(kind: str, folder: Path, port: int) -> None:
    body = folder / "request.json"
    number = {"train": 1, "evaluate": 2}[kind]
    body.write_text(json.dumps({"req_type": number, "data_paths": ["/data"]}))
    dubhe("send", kind, f"http://127.0.0.1:{port}", "--body", str(body), folder=folder)


class Running:
    """A guide's algorithm that runs, and the messages that it has sent."""

    def __init__(self, folder: Path, port: int, kind: str, name: str = "temporary") -> None:
        self.temporary = folder.parent / name
        word = {"train": "train", "evaluate": "forecast"}[kind]
        self.service = Service(folder, self.temporary, port, f"m1-a1-{word}-1")
        self.wait("READY")
        send(kind, folder, port)

    def words(self) -> list[str]:
        return [word for word, _ in messages(self.temporary)]

    def wait(self, word: str) -> None:
        wait_for(lambda: word in self.words(), f"{word} among the messages")


def test_a_stop_leaves_a_checkpoint_from_which_the_training_continues(tmp_path: Path) -> None:
    folder = algorithm(tmp_path / "algorithm", "stopping")
    with reserved_port() as port:
        first = Running(folder, port, "train")
        try:
            first.wait("progress")
            first.service.process.send_signal(signal.SIGTERM)
            assert first.service.process.wait(30) == 128 + signal.SIGTERM
            assert first.words()[-1] == "END 300"
        finally:
            first.service.close()
        checkpoint = json.loads((folder / "output" / "checkpoint.json").read_text())
        assert checkpoint["epoch"] > 0
        assert checkpoint["weight"] == pytest.approx(checkpoint["epoch"] / 100)

        second = Running(folder, port, "train", "second")
        try:
            second.wait("progress")
            epochs = [data["epoch"] for word, data in messages(second.temporary) if "epoch" in data]
            assert epochs[0] == checkpoint["epoch"]
        finally:
            second.service.close()


def test_ranks_report(tmp_path: Path) -> None:
    folder = algorithm(tmp_path / "algorithm", "ranks")
    with reserved_port() as port:
        running = Running(folder, port, "train")
        try:
            running.wait("END 200")
        finally:
            running.service.close()
    metrics = [set(data) for word, data in messages(running.temporary) if word == "progress"]
    assert sum("loss_rank0" in names for names in metrics) == 5
    assert sum("loss_rank1" in names for names in metrics) == 5
    assert running.words()[-1] == "END 200"


def test_boxes_are_reported(tmp_path: Path) -> None:
    folder = algorithm(tmp_path / "algorithm", "results")
    with reserved_port() as port:
        running = Running(folder, port, "evaluate")
        try:
            running.wait("END 200")
        finally:
            running.service.close()
    (result,) = [data for word, data in messages(running.temporary) if word == "result"]
    assert [box["conf"] for box in result[0]["info"]] == [0.91, 0.64]  # type: ignore[index]


def test_each_model_process_takes_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    code, _ = python_of("gpus")
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    for index, device in enumerate(["4", "7", "4"]):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
        monkeypatch.setenv("DUBHE_WORKER_INDEX", str(index))
        exec(code, {})
        assert os.environ["CUDA_VISIBLE_DEVICES"] == device


def test_a_method_takes_a_batch() -> None:
    _, code = python_of("gpus")

    class Images(np.ndarray):
        def cuda(self) -> Images:
            return self

    def stack(images: list[Any]) -> Images:
        return np.stack(images).view(Images)

    seen: dict[str, Any] = {"torch": SimpleNamespace(stack=stack), "dubhe_sdk": dubhe_sdk}
    exec(code, seen)
    # The network's scores are the image itself.
    network = SimpleNamespace(
        read=lambda ctx: np.array(ctx.get("image")), net=lambda images: images
    )
    contexts = [dubhe_sdk.Context({"image": image}) for image in ([0, 1, 0], [0, 0, 1])]
    assert seen["inference"](network, contexts) == [1, 2]
