"""The count of what was said, against a real spool."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dubhe_sidecar.status import inspect
from dubhe_simulator.instances import spool_status
from dubhe_simulator.instances.spool_status import (
    StatusProcess,
    StatusProcesses,
    reported_count,
)
from tests.support.environ import clean_environ
from tests.support.waiting import wait_for

_SAY = """
import dubhe_sdk
context = dubhe_sdk.Context({})
for index in range(7):
    context.logProgress(index / 7)
"""


def test_everything_said_is_counted_before_and_after_delivery(tmp_path: Path) -> None:
    env = clean_environ(DUBHE_TEMPORARY=str(tmp_path), INSTANCE_ID="a-b-train-1")
    subprocess.run([sys.executable, "-c", _SAY], env=env, check=True, cwd=tmp_path)
    assert reported_count(tmp_path / "spool") == 7
    script = Path(sys.modules["dubhe_sdk"].__file__ or "").parent / "cli" / "bin" / "dubhe.py"
    subprocess.run([sys.executable, script, "sidecar", "--drain"], env=env, check=True)
    assert not [name for name in os.listdir(tmp_path / "spool") if name.endswith(".seg")]
    assert reported_count(tmp_path / "spool") == 7


def test_an_algorithm_without_a_spool(tmp_path: Path) -> None:
    assert reported_count(tmp_path / "spool") is None


def test_one_process_answers_for_all_and_is_replaced_when_it_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = clean_environ(DUBHE_TEMPORARY=str(tmp_path), INSTANCE_ID="a-b-train-1")
    subprocess.run([sys.executable, "-c", _SAY], env=env, check=True, cwd=tmp_path)
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    answers = StatusProcess()
    assert answers.ask(tmp_path / "spool")["undelivered"] == 7
    assert answers.ask(tmp_path / "none") is None
    assert answers.ask(tmp_path / "spool")["spool"] == inspect(tmp_path / "spool").spool
    [process] = started
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert answers.ask(tmp_path / "spool")["undelivered"] == 7
    assert len(started) == 2
    started[1].communicate()  # its input ends, and so does it
    assert started[1].returncode == 0


# Answers as `dubhe status --each` does; a spool called "hung" holds it up until it is deleted.
_STAND_IN = """
import json, os, sys, time
for line in sys.stdin:
    spool = json.loads(line)
    if spool.endswith("hung") and os.path.exists(spool):
        open(f"{spool}/{os.getpid()}", "w").close()
    while spool.endswith("hung") and os.path.exists(spool):
        time.sleep(0.05)
    print(json.dumps(os.getpid()), flush=True)
"""


def test_a_spool_that_hangs_does_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung = tmp_path / "hung"
    hung.mkdir()
    command = [sys.executable, "-c", _STAND_IN]
    monkeypatch.setattr(spool_status, "support_command", lambda: command)
    monkeypatch.setattr(spool_status, "SHARED_TIMEOUT_S", 1.0)
    answers = StatusProcesses()
    found: list[object] = []
    with contextlib.ExitStack() as stack:
        asking = threading.Thread(target=lambda: found.append(answers.ask(hung)))
        asking.start()
        stack.callback(asking.join)
        stack.callback(shutil.rmtree, hung)
        wait_for(lambda: len(os.listdir(hung)) == 2, "a process of its own for what hangs")
        shared = answers.ask(tmp_path / "good")
        assert answers.ask(tmp_path / "good") == shared
        assert found == [], "the other one still waits"
    assert found != [shared], "another process has answered"
    assert answers.ask(hung) == shared, "once it answers, it is asked with the others"


def test_many_open_files_are_no_hindrance(tmp_path: Path) -> None:
    (soft, hard), many = resource.getrlimit(resource.RLIMIT_NOFILE), 1100
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * many), hard))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(many):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        assert StatusProcess().ask(tmp_path / "none") is None
