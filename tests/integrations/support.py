"""An algorithm that trains with a real framework, as a service of its own, and what it reports."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.examples.torch_environment import torch_python
from tests.support.waiting import wait_for

IMPORT_SECONDS = 150  # of a framework, on a busy machine

marks = [pytest.mark.slow, pytest.mark.timeout(900)]  # the first may have to install PyTorch

# Comes before the algorithm: a callback waits here until the stop has come.
WAIT = '''
import atexit, os, subprocess, sys, time
from pathlib import Path

@atexit.register
def leave_the_group():
    """PyTorch's threads may abort a rank that ends within its group."""
    torch = sys.modules.get("torch")
    if torch and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()

def launch_ranks():
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "app.py"]
    subprocess.run(command, check=True)

def wait_for_the_stop(ctx, number):
    """Wait at a place of the training, if the test wants it there."""
    if os.environ.get("STOPS_AT") == str(number):
        Path("waits").write_text("1")
        while not ctx.stopping:
            time.sleep(0.01)
'''


# An algorithm whose trainings are processes that `write_ranks` has described.
LAUNCHES = """
import json, os, subprocess
from pathlib import Path
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        commands = json.loads(Path("ranks.json").read_text())
        ranks = [subprocess.Popen(command) for command in commands]
        ended = [rank.wait() for rank in ranks]
        if any(ended):
            raise RuntimeError(f"ranks ended with {ended}")
"""


def write_ranks(folder: Path, script: str, commands: Iterable[Sequence[str | Path]]) -> None:
    """Write ``rank.py``, and the commands by which `LAUNCHES` starts it.

    Args:
        folder: the algorithm's.
        script: what each rank runs; ``ctx`` and what `WAIT` has are there.
        commands: the program and arguments of each process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    head = f"{WAIT}\nimport dubhe_sdk\nctx = dubhe_sdk.current_context()\n"
    (folder / "rank.py").write_text(head + script)
    words = [[str(word) for word in command] for command in commands]
    (folder / "ranks.json").write_text(json.dumps(words))


def algorithm(folder: Path, source: str, python: Path, **env: str) -> App:
    """Return an algorithm that is not started yet."""
    settings = {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
        **{"HF_HUB_OFFLINE": "1", "YOLO_OFFLINE": "true", "DUBHE_SHUTDOWN_TIMEOUT_SECONDS": "60"},
        **env,
    }
    return App(folder, source, env=settings)


@contextmanager
def started(folder: Path, source: str, python: Path | None = None, **env: str) -> Iterator[App]:
    """Start an algorithm, and have it ready; ``python`` is by default that with PyTorch."""
    python = python or torch_python()
    with algorithm(folder, source, python, **env) as app:
        app.start([str(python), "-u", "app.py"], until=None)
        app.wait_reported("READY", timeout=IMPORT_SECONDS)
        yield app


def trained(folder: Path, source: str, request: dict[str, Any] | None = None, **env: str) -> App:
    """Run one training to its end, and return what is left of it."""
    with started(folder, source, **env) as app:
        app.train(**(request or {}))
        app.wait_reported("END", timeout=IMPORT_SECONDS)
        app.terminate()
        app.wait()
    return app


def stopped(
    folder: Path, source: str, at: int | str, python: Path | None = None, **env: str
) -> App:
    """Stop a training at a place, and return what is left of it: its END is 300."""
    with started(folder, source, python, STOPS_AT=str(at), **env) as app:
        app.train()
        waits = folder / "waits"
        wait_for(
            lambda: waits.exists() or "END" in "".join(app.reported),
            lambda: f"the place {at}\n{app.console}",
            IMPORT_SECONDS,
        )
        assert waits.exists(), app.console
        app.terminate()
        app.wait(IMPORT_SECONDS)
        assert app.reported[-1] == "END 300", app.console
        assert app.wait() == 143
    return app


def progress_of(app: App) -> list[dict[str, Any]]:
    """Return the progress messages."""
    return [one["value"]["data"] for one in app.messages if one["value"]["mes_type"] == 2]


def results_of(app: App) -> list[dict[str, Any]]:
    """Return the images of all results."""
    found = [one["value"]["data"] for one in app.messages if one["value"]["mes_type"] == 3]
    return [image for result in found for image in result]


def steps(app: App) -> list[tuple[int | None, float]]:
    """Return epoch and progress of each progress message."""
    return [(one.get("epoch"), one["progress"]) for one in progress_of(app)]


def places(app: App, metric: str) -> list[str | None]:
    """Return which batch of how many each message with a metric belongs to, such as ``0/8``."""
    return [
        one["headers"].get("dubhe-batch")
        for one in app.messages
        if one["value"]["mes_type"] == 2 and metric in one["value"]["data"]
    ]


def models(app: App) -> list[Path]:
    """Return the model files, in the order of their names."""
    return sorted((app.folder / "output" / "models").glob("model_*"))


@dataclass
class Run:
    """One of several trainings in one service.

    Attributes:
        progress: ``data`` of its progress messages.
        end: ``data`` of its END.
        models: the model files that it wrote, in the order of their names.
        app: the service.
    """

    progress: list[dict[str, Any]]
    end: dict[str, Any]
    models: list[Path]
    app: App

    @property
    def steps(self) -> list[tuple[int | None, float]]:
        """Epoch and progress of each progress message."""
        return [(one.get("epoch"), one["progress"]) for one in self.progress]


def run(app: App, **request: Any) -> Run:
    """Run one training to its END in a service that goes on."""
    known, before, ends = set(models(app)), len(app.messages), len(app.ends())
    app.train(**request)
    app.wait_reported("END", ends + 1, timeout=IMPORT_SECONDS)
    values = [one["value"] for one in app.messages[before:]]
    progress = [value["data"] for value in values if value["mes_type"] == 2]
    new = [path for path in models(app) if path not in known]
    return Run(progress, app.ends()[-1], new, app)


def assert_ended_together(app: App, unit: str, whole: list[tuple[int | None, float]]) -> None:
    """Two ranks have trained to the end, and were then stopped in a second training.

    Args:
        app: whose folder has what each rank noted: ``left0``, and for each training how many of
            its batches it has done, as ``batcheswhole0`` and ``batchesstopped0``.
        unit: what was counted; the files' names begin with it.
        whole: epoch and progress of each message of the whole training: one for each of these, and
            for the ends of epochs, if they are reported.
    """
    assert all((app.folder / f"left{rank}").exists() for rank in range(2)), app.console
    done, stop = (
        [int((app.folder / f"{unit}{one}{rank}").read_text()) for rank in range(2)]
        for one in ("whole", "stopped")
    )
    assert done[0] == done[1]
    assert stop[0] == stop[1] < done[0], "all end after the same one"
    assert steps(app) == [*whole, *whole[: stop[0]]], "one reports"
    assert len(models(app)) == 2
