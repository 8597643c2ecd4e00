"""Contexts in threads and child processes; `current_context`."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import dubhe_sdk
from dubhe_sdk.api import stopping, task_reports
from dubhe_sdk.api.context import Context
from dubhe_sdk.api.current_task import current, set_task
from dubhe_sdk.api.keys import ContextKey
from dubhe_sdk.api.parameters import with_instance
from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.environment import Settings, read_settings
from dubhe_sdk.errors import NoCurrentTask
from tests.dubhe_sdk.api.support import (
    INFERENCE,
    REQUEST,
    TRAIN,
    data_of,
    messages_of,
)

pytestmark = pytest.mark.usefixtures("env", "no_task_of_another_test")


def _report(ctx: Context, progress: float) -> None:
    """Run in a child process."""
    ctx.logProgress(progress)


def _report_current(progress: float) -> None:
    """Run in a child process that was handed nothing."""
    _report(dubhe_sdk.current_context(), progress)


def run_each(method: str, work: Any, arguments: list[tuple[Any, ...]]) -> None:
    """Run work in child processes at once. No pool: that would need shared memory."""
    make = multiprocessing.get_context(method).Process  # type: ignore[attr-defined]
    processes = [make(target=work, args=args) for args in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_context_that_is_passed_on_works_in_child_processes(tmp_path: Path, method: str) -> None:
    ctx = Context(REQUEST)
    ctx.logProgress(0.0)
    run_each(method, _report, [(ctx, 0.25), (ctx, 0.5), (ctx, 0.75)])
    ctx.logProgress(1.0)
    values = messages_of(tmp_path)
    progress = [value["data"]["progress"] for value in values]
    assert (progress[0], progress[-1]) == (0.0, 1.0)
    assert sorted(progress) == [0.0, 0.25, 0.5, 0.75, 1.0]
    numbers = [value["request_number"] for value in values]
    assert len(set(numbers)) == 5
    assert all(0 < number < 2**63 for number in numbers)
    assert {value["instance_id"] for value in values} == {TRAIN}


def test_pickling_keeps_the_request() -> None:
    ctx = Context(REQUEST)
    ctx.logProgress(0.5)
    again = pickle.loads(pickle.dumps(ctx))
    assert again.json_request == REQUEST
    assert again.get(ContextKey.ENV_INSTANCE_ID) == TRAIN


def test_current_context_where_nothing_runs() -> None:
    with pytest.raises(NoCurrentTask, match="no task is running in this process"):
        dubhe_sdk.current_context()


def test_current_context_in_the_task_and_its_threads() -> None:
    ctx = Context(REQUEST)
    set_task(ctx)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(dubhe_sdk.current_context()))
    thread.start()
    thread.join()
    assert dubhe_sdk.current_context() is ctx is seen[0]
    set_task(None)
    with pytest.raises(NoCurrentTask):
        dubhe_sdk.current_context()


def test_an_inferences_own_context_goes_before_the_tasks() -> None:
    task, own = Context({"a": 1}), Context({"a": 2})
    set_task(task)
    token = current.set(own)
    assert dubhe_sdk.current_context() is own
    current.reset(token)
    assert dubhe_sdk.current_context() is task


@pytest.fixture
def task_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Announce a running task to child processes, as the model process does."""
    path = tmp_path / "task.json"
    path.write_text(json.dumps(REQUEST), "utf-8")
    monkeypatch.setenv(stopping.TASK_VARIABLE, str(path))
    return path


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_current_context_in_multiprocessing(tmp_path: Path, task_file: Path, method: str) -> None:
    set_task(Context(REQUEST))
    run_each(method, _report_current, [(0.5,)])
    assert data_of(tmp_path) == [{"progress": 0.5}]


RANK = """
import subprocess, sys
import dubhe_sdk
ctx = dubhe_sdk.current_context()
assert ctx is dubhe_sdk.current_context()
assert ctx.get(dubhe_sdk.ContextKey.KEY_DATA_PATHS) == ["/data"]
ctx.logProgressByEpoch(1, float(sys.argv[1]), {"loss": 0.5})
if len(sys.argv) > 2:
    subprocess.run([sys.executable, __file__, sys.argv[2]], check=True)
"""


def test_current_context_in_a_plain_subprocess_and_its_own(tmp_path: Path, task_file: Path) -> None:
    (tmp_path / "rank.py").write_text(RANK)
    subprocess.run([sys.executable, "rank.py", "0.25", "0.5"], cwd=tmp_path, check=True)
    assert [data["progress"] for data in data_of(tmp_path)] == [0.25, 0.5]
    assert {value["instance_id"] for value in messages_of(tmp_path)} == {TRAIN}


def test_current_context_after_the_tasks_end(tmp_path: Path, task_file: Path) -> None:
    task_file.unlink()
    with pytest.raises(NoCurrentTask, match="the task that started this process has ended"):
        dubhe_sdk.current_context()


def test_a_killed_child_loses_nothing_it_has_reported(tmp_path: Path) -> None:
    ctx = Context()
    pid = os.fork()
    if pid == 0:
        for number in range(100):
            ctx.logProgress(number / 100)
        os.kill(os.getpid(), 9)
    assert os.waitpid(pid, 0)[1] == 9
    assert [data["progress"] for data in data_of(tmp_path)] == [n / 100 for n in range(100)]


def test_with_instance_reaches_children(env: dict[str, str], tmp_path: Path) -> None:
    del os.environ["INSTANCE_ID"]
    settings: Settings = with_instance(read_settings(), INFERENCE)
    assert (settings.instance_id, settings.kind) == (INFERENCE, TaskKind.INFER)
    assert os.environ["INSTANCE_ID"] == INFERENCE
    assert Context().get(ContextKey.ENV_INSTANCE_ID) == INFERENCE


def test_first_reports_from_several_threads_make_one_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    class Slow(task_reports.Reporter):
        def __init__(self, settings: Settings, instance_id: str) -> None:
            made.append(instance_id)
            time.sleep(0.05)  # the others come meanwhile
            super().__init__(settings, instance_id)

    monkeypatch.setattr(task_reports, "Reporter", Slow)
    several = [Context() for _ in range(4)]
    threads = [threading.Thread(target=_report, args=(ctx, 0.5)) for ctx in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(data_of(tmp_path)) == 4
