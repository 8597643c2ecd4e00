"""PaddleDetection, PaddleClas and PaddleX: a training in a process of its own is followed.

    from dubhe_sdk.integrations.paddle_tools import follow

    command = [sys.executable, "tools/train.py", "-c", "configs/….yml", "--eval"]
    follow(ctx, command, "output", epochs=50)

Their programs take no callbacks. What is reported is read from the lines that they log.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.errors import TaskStopped
from dubhe_sdk.integrations.paddle_files import keep_both
from dubhe_sdk.integrations.progress import TrainingProgress
from dubhe_sdk.integrations.training import Training

# A file that was changed this long before a stop was complete: one that is being written changes.
_SETTLED_SECONDS = 1.0
_NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf)"
_VALUE = re.compile(rf"([\w()./@-]+): ({_NUMBER})(?=[\s,]|$)")
_TIMES = re.compile(r"\b(?:eta|batch_cost|reader_cost|data_cost|ips)\b")
# PaddleDetection counts epochs from 0, PaddleClas from 1; both count batches from 0.
_DETECTION = re.compile(r"Epoch: \[(\d+)\] \[ *(\d+)/(\d+)\] (.*)")
_CLASSIFICATION = re.compile(r"\[Train\]\[Epoch (\d+)/(\d+)\]\[Iter: *(\d+)/(\d+)\](.*)")
_VALIDATION = re.compile(r"\[Eval\]\[Epoch (\d+)\]\[Avg\](.*)")
_BEST = re.compile(r"Best test (\w+) ap is (\d+\.\d+)")


def follow(
    ctx: Context,
    command: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    epochs: int | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a training's command to its end, and report what it logs.

    | event | what is reported |
    |---|---|
    | line of a batch | ``learning_rate`` or ``lr(…)``, ``loss``, …: every value of the line |
    | validation | PaddleDetection: ``best_bbox_ap``, the best one so far; PaddleClas: ``eval_…`` |
    | end | a ``.pdparams`` file in the output folder, the best one if there is one; progress 1 |
    | stop | the process is ended; its last complete checkpoint; `dubhe_sdk.TaskStopped` |

    Args:
        ctx: of the task.
        command: the program and its arguments. Its output is printed as it comes.
        folder: where the program saves its checkpoints (``save_dir``, ``output``).
        epochs: how many there are. PaddleClas logs that; without it, progress of PaddleDetection
            stays 0 until the end.
        cwd: the program's working directory; None: that of this process.
        env: more variables for it.

    Raises:
        OSError: it cannot be started.
        subprocess.CalledProcessError: it failed.
        TaskStopped: the service was told to stop.
    """
    follower = _Follower(ctx, Path(folder), epochs)
    variables = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                sys.stdout.write(line)
                follower.read(line)
            status = process.wait()
            if ctx.stopping:  # it was told before this process was
                raise TaskStopped("the service was told to stop")
        except TaskStopped:
            process.terminate()
            process.wait()
            follower.stopped()
            raise
        finally:
            process.kill()  # without effect on one that has ended
    if status != 0:
        raise subprocess.CalledProcessError(status, list(command))
    follower.ended()


class _Follower:
    """Reports what a training logs, and keeps its model."""

    def __init__(self, ctx: Context, folder: Path, epochs: int | None) -> None:
        self._ctx = ctx
        self._folder = folder
        self._training = Training(ctx)
        self._training.progress = TrainingProgress(epochs)
        self._epoch = 0
        self._loss = 0.0
        self._before = self._checkpoints()

    def read(self, line: str) -> None:
        """Report a line, if it is of a batch or of a validation."""
        if found := _DETECTION.search(line):
            epoch, index, batches, values = found.groups()
            self._batch(int(epoch), int(index), int(batches), values)
        elif found := _CLASSIFICATION.search(line):
            epoch, epochs, index, batches, values = found.groups()
            self._training.progress.set_epochs(int(epochs))
            self._batch(int(epoch) - 1, int(index), int(batches), values)
        elif found := _VALIDATION.search(line):
            validated = _values(found[2])
            self._loss = validated.get("loss", self._loss)
            metrics = {f"eval_{name}": value for name, value in validated.items()}
            self._training.metrics(int(found[1]) - 1, metrics)
        elif found := _BEST.search(line):
            self._training.metrics(self._epoch, {f"best_{found[1]}_ap": float(found[2])})

    def ended(self) -> None:
        """Keep the best model, or the last one, and report the end."""
        made = self._made()
        best = [path for path in made if path.stem == "best_model"]
        if made:
            keep_both(self._ctx, (best or made)[-1], self._epoch, self._loss)
        self._training.end()

    def stopped(self) -> None:
        """Keep the last checkpoint that was complete when the process was ended."""
        complete = time.time() - _SETTLED_SECONDS
        made = [path for path in self._made() if path.stat().st_mtime < complete]
        if made:
            keep_both(self._ctx, made[-1], self._epoch, self._loss)

    def _batch(self, epoch: int, index: int, batches: int, text: str) -> None:
        values = _values(text)
        self._epoch, self._loss = epoch, values.get("loss", self._loss)
        self._training.batch(epoch, index, batches, values)

    def _made(self) -> list[Path]:
        """Return the checkpoints of this training, the last one last."""
        now = self._checkpoints()
        made = [path for path, changed in now.items() if self._before.get(path) != changed]
        return sorted(made, key=now.__getitem__)

    def _checkpoints(self) -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in self._folder.rglob("*.pdparams")}


def _values(text: str) -> dict[str, Any]:
    """Return the values of a line, without those that are times."""
    times = _TIMES.search(text)
    text = text[: times.start()] if times else text
    return {name: float(value) for name, value in _VALUE.findall(text)}
