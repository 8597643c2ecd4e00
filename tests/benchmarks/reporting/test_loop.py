"""A contestant's process: calls, times them, tells what failed; frozen, it does nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.processes import ContestantFailed, environ, leave_nothing
from benchmarks.worker import Worker

ONE = {"seconds": 5, "calls": 400, "threads": 1, "compute": False}


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    made = start(tmp_path, "bare_write", FRAME_BYTES="100")
    yield made
    made.close()
    leave_nothing()


def start(folder: Path, peer: str, **more: str) -> Worker:
    command = [sys.executable, "-m", "benchmarks.reporting.loop", peer, folder]
    return Worker(command, "test", environ(**more))


def test_calls_as_often_as_asked(worker: Worker, tmp_path: Path) -> None:
    worker.ready()
    worker.thaw()
    worker.ask(ONE)
    answer = worker.reply()
    assert answer["calls"] == 400
    assert all(0 < value < 5e9 for value in answer["ns"])
    assert (tmp_path / "bare").stat().st_size == 401 * 100  # one before it is ready


@pytest.mark.parametrize("more", [{"threads": 8}, {"compute": True}])
def test_threads_and_a_computing_neighbour(worker: Worker, more: dict[str, object]) -> None:
    worker.ready()
    worker.thaw()
    worker.ask({**ONE, **more})
    assert worker.reply()["calls"] == 400


def test_ends_when_the_time_is_over(worker: Worker) -> None:
    worker.ready()
    worker.thaw()
    worker.ask({**ONE, "seconds": 0.05, "calls": 10**9})
    answer = worker.reply()
    assert answer["elapsed_ns"] >= 0.05e9
    assert answer["calls"] < 10**9


def test_frozen_it_does_not_answer(worker: Worker) -> None:
    worker.ready()
    worker.ask(ONE)
    with pytest.raises(ContestantFailed, match="no answer within"):
        worker.reply(0.3)
    worker.thaw()
    assert worker.reply()["calls"] == 400


def test_says_why_it_cannot_begin(tmp_path: Path) -> None:
    worker = start(tmp_path, "bare_write")  # FRAME_BYTES is missing
    with pytest.raises(ContestantFailed, match="KeyError: 'FRAME_BYTES'"):
        worker.ready()
    worker.close()
