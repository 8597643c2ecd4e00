"""Two ranks on CPU, with the real PyTorch, Lightning and accelerate."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.examples.torch_environment import torch_python
from tests.ranks import algorithms

pytestmark = pytest.mark.timeout(900)  # the first may have to install PyTorch

PYTHON = ["-u", "app.py"]
TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node=2", "app.py"]
LAUNCH = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "app.py"]

IN_THE_METHOD = {
    "torchrun": algorithms.TORCHRUN_IN_THE_METHOD,
    "lightning": algorithms.LIGHTNING,
}
IN_RUN_SH = {
    "torchrun": (algorithms.IN_RUN_SH, TORCHRUN),
    "accelerate": (algorithms.ACCELERATE, LAUNCH),
}
IMPORT_SECONDS = 150  # of PyTorch, by three processes on a busy machine


@pytest.fixture(scope="session")
def python() -> str:
    return str(torch_python())


@contextmanager
def started(
    folder: Path, source: str, python: str, arguments: list[str], **env: str
) -> Iterator[App]:
    settings = {
        "PATH": f"{Path(python).parent}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        **env,
    }
    with App(folder, source, env=settings) as app:
        app.start([python, *arguments], until=None)
        app.wait_reported("READY", timeout=IMPORT_SECONDS)
        yield app


def of_type(app: App, type_: int) -> list[Any]:
    """Return ``data`` of the messages of one ``mes_type``."""
    return [one["value"]["data"] for one in app.messages if one["value"]["mes_type"] == type_]


@pytest.mark.parametrize("launcher", IN_THE_METHOD)
def test_ranks_of_a_task_train_together(tmp_path: Path, python: str, launcher: str) -> None:
    with started(tmp_path, IN_THE_METHOD[launcher], python, PYTHON) as app:
        app.train()
        app.wait_reported("END", timeout=IMPORT_SECONDS)
        assert app.ends()[0]["status"] == 200, app.log
        progress = of_type(app, 2)
        assert len(progress) == 4
        assert {one["rank"] for one in progress} == {0}
        assert {one.get("total", 3.0) for one in progress} == {3.0}
        assert sorted(one["rank"] for one in of_type(app, 3)) == [0, 1]
        assert app.reported.count("START") == app.reported.count("READY") == 1


def test_every_rank_s_progress_if_asked_for(tmp_path: Path, python: str) -> None:
    with started(tmp_path, algorithms.ALL_RANKS, python, PYTHON) as app:
        app.train()
        app.wait_reported("END", timeout=IMPORT_SECONDS)
        assert sorted(one["rank"] for one in of_type(app, 2)) == [0] * 4 + [1] * 4


@pytest.mark.parametrize("launcher", IN_THE_METHOD)
def test_a_rank_that_fails_is_named(tmp_path: Path, python: str, launcher: str) -> None:
    with started(tmp_path, IN_THE_METHOD[launcher], python, PYTHON, FAILS="1") as app:
        app.train()
        app.wait_reported("END", timeout=IMPORT_SECONDS)
        (end,) = app.ends()
        assert end["status"] == 300
        assert "rank 1 failed: ValueError: bad rank" in end["msg"]
        assert 'raise ValueError("bad rank")' in app.log


@pytest.mark.parametrize("launcher", IN_THE_METHOD)
def test_a_stop_reaches_every_rank(tmp_path: Path, python: str, launcher: str) -> None:
    env = {"WAITS": "1", "DUBHE_SHUTDOWN_TIMEOUT_SECONDS": "40"}
    with started(tmp_path, IN_THE_METHOD[launcher], python, PYTHON, **env) as app:
        app.train()
        for rank in (0, 1):
            app.wait_file(f"waits-{rank}", timeout=IMPORT_SECONDS)
        app.terminate()
        assert app.wait() == 143
        assert (tmp_path / "saved-0").exists()
        # Lightning's own handler forwards SIGTERM once more and has the other ranks wait for rank
        # 0, which may have gone: they may fail instead of saving.
        assert (tmp_path / "saved-1").exists() or launcher == "lightning"
        assert app.reported[-1] == "END 300"


@pytest.mark.parametrize("launcher", IN_RUN_SH)
def test_ranks_beside_the_service_take_part_in_each_training(
    tmp_path: Path, python: str, launcher: str
) -> None:
    source, arguments = IN_RUN_SH[launcher]
    with started(tmp_path, source, python, arguments, ACCELERATE_USE_CPU="true") as app:
        for number in (1, 2):
            app.train(number=number)
            app.wait_reported("END", number, timeout=IMPORT_SECONDS)
        assert app.reported.count("END 200") == app.reported.count("START") == 2
        assert app.reported.count("READY") == 1
        assert {one["rank"] for one in of_type(app, 2)} == {0}
        assert sorted(one["rank"] for one in of_type(app, 3)) == [0, 0, 1, 1]
        assert {one["total"] for one in of_type(app, 2)} == {3.0}


def test_a_rank_beside_the_service_that_fails_is_named(tmp_path: Path, python: str) -> None:
    with started(tmp_path, algorithms.IN_RUN_SH, python, TORCHRUN, FAILS="1") as app:
        app.train()
        app.wait_reported("END", timeout=IMPORT_SECONDS)
        (end,) = app.ends()
        assert end["status"] == 300
        assert "rank 1 failed: ValueError: bad rank" in end["msg"]
        assert app.wait() == 1  # torchrun's: it has ended the others


def test_a_rank_that_starts_ranks_is_refused(tmp_path: Path, python: str) -> None:
    source = algorithms.TORCHRUN_IN_THE_METHOD.replace(
        'if "WORLD_SIZE" not in os.environ:', "if True:"
    )
    with started(tmp_path, source, python, PYTHON) as app:
        app.train()
        app.wait_reported("END", timeout=IMPORT_SECONDS)
        assert "it would start ranks without end" in app.ends()[0]["msg"]
