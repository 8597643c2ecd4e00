"""Ranks that learn of a stop at different moments end at the same position."""

from __future__ import annotations

import multiprocessing
import pickle
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from dubhe_sdk.api.stopping import TASK_VARIABLE
from dubhe_sdk.integrations import rank_agreement
from dubhe_sdk.integrations.rank_agreement import RankAgreement

Rank = tuple[multiprocessing.Process, Connection]


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "task.json"
    path.touch()
    monkeypatch.setenv(TASK_VARIABLE, str(path))
    return path


class Ranks:
    """Processes with one rank each; what they shall do is sent to them."""

    def __init__(self, count: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._ranks = [self._start() for _ in range(count)]

    def _start(self) -> Rank:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=be_a_rank, args=(theirs,))
        process.start()
        return process, ours  # type: ignore[return-value]

    def note(self, rank: int, position: int) -> None:
        self._call(rank, ("note", position))

    def ends_here(self, rank: int) -> bool:
        return bool(self._call(rank, ("ends_here",)))

    def _call(self, rank: int, what: tuple[object, ...]) -> object:
        _, pipe = self._ranks[rank]
        pipe.send(what)
        return pipe.recv()

    def end(self, rank: int) -> None:
        process, pipe = self._ranks[rank]
        pipe.close()
        process.join()

    def end_all(self) -> None:
        for rank in range(len(self._ranks)):
            self.end(rank)


def be_a_rank(pipe: Connection) -> None:
    agreement = RankAgreement()
    rank_agreement._ALONE_AFTER_SECONDS = 1e9  # type: ignore[misc] # whatever the machine does
    while True:
        try:
            name, *arguments = pipe.recv()
        except EOFError:
            return
        pipe.send(getattr(agreement, name)(*arguments))


@pytest.fixture
def ranks(task: Path) -> Ranks:
    found = Ranks(3)
    yield found  # type: ignore[misc]
    found.end_all()


def test_all_end_at_the_first_position_beyond_the_furthest(ranks: Ranks) -> None:
    for rank, position in enumerate((5, 7, 6)):
        ranks.note(rank, position)
    assert not ranks.ends_here(0), "the second one is further, and has begun 8"
    ranks.note(1, 8)
    assert ranks.ends_here(1)
    for position in (6, 7):
        ranks.note(0, position)
        assert not ranks.ends_here(0)
    for rank in (0, 2):
        ranks.note(rank, 8)
        assert ranks.ends_here(rank)


def test_it_is_decided_once(ranks: Ranks) -> None:
    for rank in range(3):
        ranks.note(rank, 1)
    assert not ranks.ends_here(0)
    ranks.note(1, 2)  # without having seen the stop
    ranks.note(2, 2)
    assert ranks.ends_here(1) and ranks.ends_here(2)
    ranks.note(0, 2)
    assert ranks.ends_here(0)


def test_what_dead_ranks_have_noted_does_not_count(ranks: Ranks) -> None:
    ranks.note(0, 100)
    ranks.end(0)
    ranks.note(1, 1)
    ranks.note(2, 1)
    assert not ranks.ends_here(1)
    ranks.note(1, 2)
    assert ranks.ends_here(1)


def test_another_task_begins_anew(ranks: Ranks, task: Path) -> None:
    ranks.note(0, 100)
    task.unlink()
    task.write_text("another")
    ranks.note(1, 1)
    assert not ranks.ends_here(1)
    ranks.note(1, 2)
    assert ranks.ends_here(1)


def test_a_rank_that_does_not_get_there_ends_alone(
    ranks: Ranks, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranks.note(0, 100)
    agreement = RankAgreement()
    agreement.note(1)
    assert not agreement.ends_here()
    now = time.monotonic()
    monkeypatch.setattr(rank_agreement.time, "monotonic", lambda: now + 3)
    assert agreement.ends_here()


def test_a_child_process_has_a_position_of_its_own(task: Path) -> None:
    agreement = RankAgreement()
    agreement.note(5)
    context = multiprocessing.get_context("fork")
    child = context.Process(target=agreement.note, args=(9,))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert not agreement.ends_here()
    agreement.note(6)
    assert agreement.ends_here(), "the child is gone"


@pytest.mark.parametrize("found", ["", "/nowhere/task.json"])
def test_where_no_task_runs_each_ends_by_itself(
    found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TASK_VARIABLE, found)
    agreement = RankAgreement()
    assert agreement.ends_here()
    agreement.note(1)
    assert agreement.ends_here()


def test_a_folder_that_cannot_be_written(task: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = task.stat()
    task.with_name(f"task.json.ranks-{gate.st_ino}-{gate.st_mtime_ns}").touch()
    agreement = RankAgreement()
    agreement.note(1)
    assert agreement.ends_here()


def test_it_can_be_pickled(task: Path) -> None:
    agreement = RankAgreement()
    agreement.note(1)
    assert isinstance(pickle.loads(pickle.dumps(agreement)), RankAgreement)
