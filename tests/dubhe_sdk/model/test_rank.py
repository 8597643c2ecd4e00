"""The script started again with what launchers put into the environment; see also `tests/ranks`."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_sdk.service.harness import APP_COMMAND, App

RANKS = """
import os, subprocess, sys, time
from pathlib import Path
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        self.ctx = ctx

    @dubhe_sdk.train(all_ranks=ALL)
    def train(self, ctx):
        rank = os.environ.get("RANK")
        if rank is None:
            ranks = [
                subprocess.Popen(
                    [sys.executable, "-u", "app.py", "argument"],
                    env={**os.environ, "WORLD_SIZE": "2", "RANK": str(rank)},
                )
                for rank in range(2)
            ]
            failed = [rank.wait() for rank in ranks]
            if any(failed):
                raise RuntimeError(f"ranks ended with {failed}")
            return
        assert sys.argv[1:] == ["argument"] or "MASTER_PORT" in os.environ
        assert ctx.get("split_rate") == self.ctx.get("split_rate") == 0.5
        ctx.logProgressByEpoch(1, 0.5, {"rank": int(rank)})
        ctx.logResult(int(rank))
        if os.environ.get("FAILS") == rank:
            raise ValueError(f"bad rank of {ctx.get('number')}")
        if os.environ.get("EXITS") == rank:
            sys.exit(0)
"""


def source(all_ranks: bool = False) -> str:
    return RANKS.replace("ALL", str(all_ranks))


def of_type(app: App, type_: int) -> list[Any]:
    return [one["value"]["data"] for one in app.messages if one["value"]["mes_type"] == type_]


@pytest.mark.parametrize("all_ranks", [False, True])
def test_ranks_run_the_task_s_method(tmp_path: Path, all_ranks: bool) -> None:
    with App(tmp_path, source(all_ranks), env={"EXITS": "1"}) as app:
        app.start()
        app.train(split_rate=0.5)
        app.wait_reported("END")
        assert app.ends()[0]["status"] == 200, app.log
        ranks = sorted(one["rank"] for one in of_type(app, 2))
        assert ranks == ([0, 1] if all_ranks else [0])
        assert sorted(of_type(app, 3)) == [0, 1]
        assert app.reported.count("READY") == app.reported.count("START") == 1


def test_what_a_rank_raises_is_in_the_end_of_its_task_alone(tmp_path: Path) -> None:
    with App(tmp_path, source(), env={"FAILS": "1"}) as app:
        app.start()
        for number in (1, 2):
            app.train(split_rate=0.5, number=number)
            app.wait_reported("END", number)
        for number, end in enumerate(app.ends(), 1):
            reason = end["msg"].partition("current model error ")[2]
            assert reason == (
                f"rank 1 failed: ValueError: bad rank of {number}; "
                "RuntimeError: ranks ended with [0, 1]"
            )
        assert app.log.count("Traceback") == 4


@pytest.mark.parametrize("fails", ["", "1"])
def test_a_rank_beside_the_service(tmp_path: Path, fails: str) -> None:
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1", "FAILS": fails}
    with App(tmp_path, source(), env={"RANK": "0", **group}) as app:
        app.start()
        other = subprocess.Popen(APP_COMMAND, cwd=tmp_path, env={**app.env, "RANK": "1"})
        try:
            for number in (1, 2):
                app.train(split_rate=0.5, number=number)
                app.wait_reported("END", number)
                if fails:
                    assert other.wait(30) == 1
                    break
            app.terminate()
            assert app.wait() == 0
            assert other.wait(30) == (1 if fails else 0)
        finally:
            other.kill()
            other.wait()
        if not fails:
            assert sorted(of_type(app, 3)) == [0, 0, 1, 1]
            assert [one["rank"] for one in of_type(app, 2)] == [0, 0]
