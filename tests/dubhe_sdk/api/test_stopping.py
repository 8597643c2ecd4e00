from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk.api import stopping
from dubhe_sdk.api.context import Context

pytestmark = pytest.mark.usefixtures("env")


@pytest.fixture(autouse=True)
def _not_asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(stopping, "_asked", False)
    yield
    stopping.take_callbacks()


def test_code_that_polls_and_code_that_wants_to_be_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(stopping.TASK_VARIABLE, str(tmp_path / "task.json"))
    ctx = Context()
    told: list[int] = []
    ctx.on_stop(lambda: told.append(1))
    ctx.on_stop(lambda: told.append(2))
    assert not ctx.stopping
    stopping.ask()
    assert ctx.stopping
    for callback in stopping.take_callbacks():
        callback()
    assert told == [1, 2]
    assert stopping.take_callbacks() == []
    ctx.on_stop(lambda: told.append(3))  # at once
    assert told == [1, 2, 3]


def test_child_processes_see_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(stopping.TASK_VARIABLE, str(tmp_path / "task.json"))
    ctx = Context()
    ours, theirs = os.pipe()
    ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        before = ctx.stopping
        os.write(ready[1], b"1")
        os.read(ours, 1)
        os._exit(int(not before and ctx.stopping))
    os.read(ready[0], 1)
    stopping.ask()
    os.write(theirs, b"1")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_a_folder_that_cannot_be_written_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(stopping.TASK_VARIABLE, str(tmp_path / "gone" / "task.json"))
    stopping.ask()
    assert Context().stopping
