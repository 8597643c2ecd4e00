"""A rank beside the service fails, and rank 0 waits for it where no exception can be raised."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import APP_COMMAND, App
from tests.support.waiting import wait_for

# As in `init_process_group`: a wait in C, which no signal interrupts.
SOURCE = """
import os, signal, threading, time
from pathlib import Path
import dubhe_sdk

def is_alive(pid):
    return not pid or " Z " not in Path(f"/proc/{pid}/stat").read_text()

def wait_for_others():
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    Path("waiting").write_text("yes")
    threading.Lock().acquire() and threading.Event().wait()

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        self.meet("constructor")

    @dubhe_sdk.train()
    def train(self, ctx):
        self.meet("method")

    def meet(self, where):
        if os.environ["RANK"] == "1":
            Path("rank-1").write_text(str(os.getpid()))
            if os.environ["FAILS"] == where:
                raise ValueError(f"bad {where}")
        elif os.environ["WAITS"] == where:
            wait_for_others()
        elif os.environ["WAITS"] == "nowhere":
            while not Path("rank-1").exists() or is_alive(Path("rank-1").read_text()):
                time.sleep(0.01)
            raise RuntimeError("connection closed by rank 1")
"""
LATER = "; the others cannot go on without it"


@contextmanager
def two_ranks(folder: Path, fails: str, waits: str) -> Iterator[App]:
    env = {
        **{"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1", "RANK": "0"},
        **{"FAILS": fails, "WAITS": waits},
        "DUBHE_TASK_STOP_TIMEOUT_SECONDS": "1",
    }
    with App(folder, SOURCE, env=env) as app:
        app.start(until=None)
        other = subprocess.Popen(APP_COMMAND, cwd=folder, env={**app.env, "RANK": "1"})
        try:
            yield app
        finally:
            other.kill()
            other.wait()


def reason(app: App) -> str:
    (end,) = app.ends()
    assert end["status"] == 300
    return str(end["msg"]).partition(" current model error ")[2]


def test_before_the_group_exists(tmp_path: Path) -> None:
    with two_ranks(tmp_path, "constructor", "constructor") as app:
        app.wait_reported("END")
        assert app.wait() == 1
        assert app.reported == ["END 300"]
        assert reason(app) == f"rank 1 failed: ValueError: bad constructor{LATER}"
        assert 'raise ValueError(f"bad {where}")' in app.log
        app.wait_gone()
        assert list((tmp_path / "temporary" / "ranks").iterdir()) == []


@pytest.mark.parametrize("fails", ["constructor", "method"])
def test_in_a_task(tmp_path: Path, fails: str) -> None:
    with two_ranks(tmp_path, fails, "method") as app:
        app.wait_reported("READY")
        if fails == "constructor":  # nothing waits for it yet
            wait_for(lambda: f"bad {fails}" in app.log, "the rank to fail")
        app.train()
        app.wait_file("waiting")
        app.wait_reported("END")
        assert app.wait() == 1
        assert app.reported == ["READY", "START", "END 300"]
        assert reason(app) == f"rank 1 failed: ValueError: bad {fails}{LATER}"


def test_what_rank_0_raises_because_of_it_belongs_to_the_end(tmp_path: Path) -> None:
    with two_ranks(tmp_path, "constructor", "nowhere") as app:
        app.wait_reported("END")
        assert app.wait() == 1
        assert reason(app) == (
            "rank 1 failed: ValueError: bad constructor; RuntimeError: connection closed by rank 1"
        )
