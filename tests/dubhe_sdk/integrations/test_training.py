"""What a training reports by way of an integration."""

from __future__ import annotations

import math
import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk import Context, NoCurrentTask, TaskStopped
from dubhe_sdk.api import stopping
from dubhe_sdk.api.current_task import set_task
from dubhe_sdk.integrations import graceful_stop
from dubhe_sdk.integrations.graceful_stop import leave_to_the_callback
from dubhe_sdk.integrations.rank_agreement import RankAgreement
from dubhe_sdk.integrations.training import Training

Reported = Callable[[], list[Any]]


@pytest.fixture(autouse=True)
def sigterm() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    graceful_stop._training.clear()
    signal.signal(signal.SIGTERM, before)


def test_a_training_from_its_begin_to_its_end(ctx: Context, reported: Reported) -> None:
    training = Training(ctx)
    training.begin(2)
    for epoch in range(2):
        for index in range(2):
            training.batch(epoch, index, 2, {"loss": 1.0, "step": 3})
        training.epoch(epoch, {"val_loss": 0.5, "epoch": 7.5, "eval_runtime": 2})
        training.metrics(epoch, {"runtime": 2})
    training.metrics(1, {"accuracy": 0.9})
    training.end()
    assert reported() == [
        {"loss": 1.0, "progress": 0.25, "epoch": 0},
        {"loss": 1.0, "progress": 0.5, "epoch": 0},
        {"val_loss": 0.5, "progress": 0.5, "epoch": 0},
        {"loss": 1.0, "progress": 0.75, "epoch": 1},
        {"loss": 1.0, "progress": 0.999, "epoch": 1},
        {"val_loss": 0.5, "progress": 0.999, "epoch": 1},
        {"accuracy": 0.9, "progress": 0.999, "epoch": 1},
        {"progress": 1.0},
    ]


def test_steps_and_an_unknown_length(ctx: Context, reported: Reported) -> None:
    training = Training(ctx)
    training.begin(None)
    training.batch(0, 0, math.inf)
    training.step(0, 3, 4, {"loss": 1})
    assert [data["progress"] for data in reported()] == [0, 0.75]


def test_only_one_rank_reports(ctx: Context, reported: Reported) -> None:
    training = Training(ctx)
    training.begin(1, rank=1)
    training.batch(0, 0, 1, {"loss": 1})
    training.step(0, 1, 2)
    training.epoch(0, {"loss": 1})
    training.metrics(0, {"loss": 1})
    training.end()
    assert reported() == []


def test_after_a_stop_it_never_says_one(
    ctx: Context, reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Training(ctx)
    training.begin(1)
    training.batch(0, 0, 1)
    monkeypatch.setattr(stopping, "_asked", True)
    assert training.stopping
    training.epoch(0)
    training.end()
    assert [data["progress"] for data in reported()] == [0.999, 0.999]


def test_an_evaluation_alone(ctx: Context, reported: Reported) -> None:
    training = Training(ctx)
    training.evaluation(1, 2)
    training.evaluation(2, 2)
    training.evaluated(0, {"accuracy": 0.9})
    assert reported() == [
        {"progress": 0.5},
        {"progress": 0.999},
        {"accuracy": 0.9, "progress": 0.999, "epoch": 0},
        {"progress": 1.0},
    ]


def test_an_evaluation_after_a_training_does_not_go_back(ctx: Context, reported: Reported) -> None:
    training = Training(ctx)
    training.begin(1)
    training.epoch(0)
    training.end()
    for other in (training, Training(ctx)):
        other.evaluation(1, 2)
        other.evaluated(0, {"accuracy": 0.9})
    assert [data["progress"] for data in reported()] == [0.999, 1, 1, 1]


def test_a_second_training_begins_again(ctx: Context, reported: Reported) -> None:
    training = Training(ctx)
    for _ in range(2):
        training.begin(2)
        training.epoch(0)
        training.end()
    assert [data["progress"] for data in reported()] == [0.5, 1, 0.5, 1]


def test_where_a_rank_was_in_the_training_before_does_not_count(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop comes when this rank has begun the next training and has done no batch of it."""
    task = tmp_path / "task.json"
    task.touch()
    monkeypatch.setenv(stopping.TASK_VARIABLE, str(task))
    training = Training(ctx)
    training.begin(1, ranks=2)
    for index in range(100):
        training.batch(0, index, 100)
    training.end()
    training.begin(1, ranks=2)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
        assert other.submit(ends_at_the_second_batch).result()
    training.release()


def ends_at_the_second_batch() -> bool:
    agreement = RankAgreement()
    agreement.note(1)
    if agreement.ends_here():
        return False
    agreement.note(2)
    return agreement.ends_here()


def test_a_stop_is_a_question_until_the_end(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(stopping.TASK_VARIABLE, str(tmp_path / "task.json"))  # as in a rank
    before = signal.getsignal(signal.SIGTERM)
    training = Training(ctx)
    for finish in (training.end, training.release):
        training.begin(1)
        assert signal.getsignal(signal.SIGTERM) is leave_to_the_callback
        finish()
        assert signal.getsignal(signal.SIGTERM) == before
    training.begin(1)
    with pytest.raises(TaskStopped):
        training.leave()
    assert signal.getsignal(signal.SIGTERM) == before


def test_without_a_context_it_is_that_of_the_task(ctx: Context, reported: Reported) -> None:
    with pytest.raises(NoCurrentTask):
        Training().begin(1)
    set_task(ctx)
    training = Training()
    training.begin(1)
    training.end()
    assert reported() == [{"progress": 1.0}]


def test_it_crosses_to_another_process(ctx: Context, reported: Reported) -> None:
    training = Training(ctx)
    training.begin(1)
    other = pickle.loads(pickle.dumps(training))
    training.release()
    other.batch(0, 0, 1, {"loss": 1})
    assert [data["loss"] for data in reported()] == [1]
