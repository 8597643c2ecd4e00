"""A training loop of one's own, over a loader that reports."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import dubhe_sdk
from dubhe_sdk import Context, TaskStopped
from dubhe_sdk.api import stopping
from dubhe_sdk.integrations import graceful_stop
from tests.integrations.support import WAIT, marks, run, started, steps, stopped

Reported = Callable[[], list[Any]]


@pytest.fixture(autouse=True)
def sigterm() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    graceful_stop._training.clear()
    signal.signal(signal.SIGTERM, before)


def test_epochs_and_batches(ctx: Context, reported: Reported) -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = []
    for epoch in range(2):
        for batch in (batches := dubhe_sdk.track(["a", "b"], ctx, epoch=epoch, epochs=2)):
            seen.append(batch)
            batches.log({"loss": 0.5}, accuracy=epoch)
        assert len(batches) == 2
    assert seen == ["a", "b"] * 2
    assert reported() == [
        {"loss": 0.5, "accuracy": 0, "progress": 0.25, "epoch": 0},
        {"loss": 0.5, "accuracy": 0, "progress": 0.5, "epoch": 0},
        {"progress": 0.5, "epoch": 0},
        {"loss": 0.5, "accuracy": 1, "progress": 0.75, "epoch": 1},
        {"loss": 0.5, "accuracy": 1, "progress": 0.999, "epoch": 1},
        {"progress": 1.0},
    ]
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_loader_without_a_length(ctx: Context, reported: Reported) -> None:
    for epoch in range(2):
        for _ in dubhe_sdk.track(iter(range(2)), ctx, epoch=epoch, epochs=2):
            pass
    assert [data["progress"] for data in reported()] == [0, 0, 0.5, 0.5, 0.5, 1.0]


def test_an_unknown_number_of_epochs(ctx: Context, reported: Reported) -> None:
    list(dubhe_sdk.track([1], ctx, epoch=5, epochs=None))
    assert [data["progress"] for data in reported()] == [0, 0]


def test_a_stop_comes_between_two_batches(
    ctx: Context, reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    with pytest.raises(TaskStopped):
        for batch in dubhe_sdk.track(range(4), ctx):
            seen.append(batch)
            monkeypatch.setattr(stopping, "_asked", batch == 1)
    assert seen == [0, 1]
    assert [data["progress"] for data in reported()] == [0.25, 0.5]


def test_a_loop_that_is_left_gives_sigterm_back(ctx: Context) -> None:
    before = signal.getsignal(signal.SIGTERM)
    for _ in dubhe_sdk.track(range(4), ctx):
        break
    with pytest.raises(ValueError):
        for _ in dubhe_sdk.track(range(4), ctx):
            raise ValueError
    assert signal.getsignal(signal.SIGTERM) == before


def test_ranks_but_the_first_do_not_report(
    ctx: Context, reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    list(dubhe_sdk.track(range(4), ctx))
    assert reported() == []


APP = f"""{WAIT}
import dubhe_sdk
import torch
from dubhe_sdk import ContextKey
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        self.net = torch.nn.Linear(4, 1)
        self.rank = os.environ.get("RANK", "0")
        self.loader = DataLoader(TensorDataset(torch.randn(32, 4)), 8, num_workers=1)

    @dubhe_sdk.train()
    def train(self, ctx):
        if os.environ.get("RANKS"):
            if "WORLD_SIZE" not in os.environ:
                return launch_ranks()
            torch.distributed.init_process_group("gloo")
            self.net = DistributedDataParallel(self.net)
        number = 0
        first = 0
        if start := ctx.get(ContextKey.KEY_PRETRAINED_MODEL_PATH):
            self.net.load_state_dict(torch.load(start))
            first = ctx.get(ContextKey.KEY_PRETRAINED_EPOCH)
        optimizer = torch.optim.SGD(self.net.parameters(), 0.1)
        try:
            for epoch in range(first, 2):
                for (x,) in (batches := dubhe_sdk.track(self.loader, ctx, epoch=epoch, epochs=2)):
                    if ctx.json_request.get("fails") and number == 2:
                        raise ValueError("bad batch")
                    loss = self.net(x).pow(2).mean()
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    batches.log(loss=loss)
                    if self.rank == "0":
                        wait_for_the_stop(ctx, number)
                    number += 1
        except dubhe_sdk.TaskStopped:
            Path("saved" + self.rank).write_text(str(number))
            if self.rank == "0":
                torch.save(self.net.state_dict(), "saved.pth")
            raise
"""


class TestOfPyTorch:
    pytestmark = marks

    # Short names: PyTorch's workers have sockets below, whose paths are limited to 107 bytes.
    def test_resumption(self, tmp_path: Any) -> None:
        stop = stopped(tmp_path / "1", APP, at=5)
        assert (stop.folder / "saved0").read_text() == "6", stop.console
        assert steps(stop)[-1] == (1, 0.75)
        saved = str(stop.folder / "saved.pth")
        first = [(0, 0.125), (0, 0.25), (0, 0.375), (0, 0.5), (0, 0.5)]
        second = [(1, 0.625), (1, 0.75), (1, 0.875), (1, 0.999), (None, 1)]
        with started(tmp_path / "2", APP) as app:
            failed = run(app, fails=True)
            assert failed.end["status"] == 300 and "ValueError: bad batch" in failed.end["msg"]
            assert failed.steps == first[:2]
            resumed = run(app, pretrained_model_path=saved, pretrained_epoch=1)
            assert resumed.end["status"] == 200, app.console
            assert resumed.steps == second, "the epoch that was cut off is repeated"
            whole = run(app)
            assert whole.end["status"] == 200, app.console
            assert whole.steps == [*first, *second]
            assert all(isinstance(one["loss"], float) for one in whole.progress[:4])

    def test_a_stop_of_ranks(self, tmp_path: Any) -> None:
        app = stopped(tmp_path, APP, at=5, RANKS="1")
        saved = [(tmp_path / f"saved{rank}").read_text() for rank in range(2)]
        # The second rank had begun a batch before it could know of the stop.
        assert saved == ["7", "7"], app.console
