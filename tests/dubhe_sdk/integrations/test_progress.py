"""Progress ends at 1 if the training ended by itself, and never says 1 before."""

from __future__ import annotations

import math

import pytest

from dubhe_sdk.integrations.progress import TrainingProgress


def test_batches_and_epochs() -> None:
    progress = TrainingProgress(epochs=2)
    values = []
    for epoch in range(2):
        values += [progress.after_batch(epoch, index, 4) for index in range(4)]
        values.append(progress.after_epoch(epoch))
    eighths = [number / 8 for number in range(1, 9)]
    eighths[-1] = 0.999
    assert values == [*eighths[:4], 0.5, *eighths[4:], 0.999]
    assert progress.end(stopped=False) == 1.0


def test_a_stop_leaves_it_below_one() -> None:
    progress = TrainingProgress(epochs=1)
    assert progress.after_batch(0, 99, 100) < 1
    assert progress.after_epoch(0) < 1
    assert progress.end(stopped=True) < 1


def test_an_early_end_of_the_training_s_own_is_an_end() -> None:
    progress = TrainingProgress(epochs=100)
    progress.after_epoch(3)
    assert progress.end(stopped=False) == 1.0


def test_a_resumed_training_begins_where_it_was() -> None:
    progress = TrainingProgress(epochs=10, first_epoch=5)
    assert progress.value == 0.5
    assert progress.after_batch(5, 0, 2) == 0.55


def test_a_repeated_epoch_does_not_go_back() -> None:
    progress = TrainingProgress(epochs=4)
    progress.after_epoch(0)
    progress.after_batch(1, 1, 2)
    assert progress.after_batch(1, 0, 2) == 0.5
    assert progress.after_batch(1, 1, 2) == 0.5
    assert progress.after_epoch(1) == 0.5
    assert progress.after_batch(2, 0, 2) == 0.625


@pytest.mark.parametrize("unknown", [None, math.inf, 0, -1])
def test_an_unknown_length_is_learnt_in_the_first_epoch(unknown: float | None) -> None:
    progress = TrainingProgress(epochs=2)
    first = [progress.after_batch(0, index, unknown) for index in range(4)]
    assert first == [0, 0, 0, 0] and progress.batches(unknown) == 0
    assert progress.after_epoch(0) == 0.5
    assert progress.batches(unknown) == 4
    second = [progress.after_batch(1, index, unknown) for index in range(4)]
    assert second == [0.625, 0.75, 0.875, 0.999]
    assert progress.after_batch(1, 4, unknown) == 0.999, "longer than the first one"


@pytest.mark.parametrize("epochs", [None, 0])
def test_without_a_number_of_epochs_it_stays_until_the_end(epochs: float | None) -> None:
    progress = TrainingProgress(epochs)
    assert progress.after_batch(0, 3, 4) == 0
    assert progress.after_epoch(0) == 0
    assert progress.end(stopped=False) == 1.0


def test_more_epochs_than_were_announced() -> None:
    progress = TrainingProgress(epochs=2)
    assert progress.after_epoch(2) == 0.999
    progress.set_epochs(10)
    assert progress.after_epoch(3) == 0.999, "it does not go back"


def test_what_was_reported_before_is_kept() -> None:
    progress = TrainingProgress()
    assert progress.keep(0.5) == 0.5
    assert [progress.after_step(done, 4) for done in (1, 3)] == [0.5, 0.75]
    assert progress.keep(0.5) == 0.75


def test_steps() -> None:
    progress = TrainingProgress()
    assert [progress.after_step(done, 4) for done in (1, 3, 4)] == [0.25, 0.75, 0.999]
    assert TrainingProgress().after_step(3, None) == TrainingProgress().after_step(3, -1) == 0
