"""Tasks one after another in one process and its children; see also `test_context_processes`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import dubhe_sdk
from dubhe_sdk.api import stopping
from dubhe_sdk.api.context import Context
from dubhe_sdk.api.current_task import close_task, open_task
from dubhe_sdk.errors import NoCurrentTask
from tests.dubhe_sdk.api.support import data_of

pytestmark = pytest.mark.usefixtures("env", "no_task_of_another_test")


def test_a_task_opens_and_closes(tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    ctx = Context({"n": 1})
    open_task(ctx, path)
    assert dubhe_sdk.current_context() is ctx
    ctx.logProgress(0.25)
    close_task(ctx, path)
    ctx.logProgress(0.5)
    with pytest.raises(NoCurrentTask):
        dubhe_sdk.current_context()
    assert data_of(tmp_path) == [{"progress": 0.25}]


def test_a_child_that_lives_on_gets_the_task_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "task.json"
    monkeypatch.setenv(stopping.TASK_VARIABLE, str(path))
    first = Context({"n": 1})
    open_task(first, path)
    asks, answers = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        while os.read(asks[0], 1) == b"?":
            try:
                ctx = dubhe_sdk.current_context()
            except NoCurrentTask:
                os.write(answers[1], b"-")
            else:
                ctx.logProgress(ctx.get("n") / 10)
                first.logProgress(0.9)
                os.write(answers[1], b"%d" % ctx.get("n"))
        os._exit(0)

    def ask() -> bytes:
        os.write(asks[1], b"?")
        return os.read(answers[0], 1)

    assert ask() == b"1"
    close_task(first, path)
    assert ask() == b"-"
    second = Context({"n": 2})
    open_task(second, path)
    assert ask() == b"2"
    close_task(second, path)
    os.write(asks[1], b".")
    os.waitpid(pid, 0)
    assert [data["progress"] for data in data_of(tmp_path)] == [0.1, 0.9, 0.2]
