"""The task or inference that runs here, and `current_context`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.stopping import TASK_VARIABLE
from dubhe_sdk.api.task_gate import TaskGate, close_gate
from dubhe_sdk.errors import NoCurrentTask

current: ContextVar[Context | None] = ContextVar("dubhe_context", default=None)


_at_task_end: list[Callable[[], object]] = []


class _Task:
    """The task of this process: its own, or in a child the one that it knew last."""

    context: Context | None = None
    gate: TaskGate | None = None
    owner = 0  # PID of the process whose own task it is


def set_task(context: Context | None, gate: TaskGate | None = None) -> None:
    """Make ``context`` what threads of this process get from `current_context`."""
    _Task.context, _Task.gate, _Task.owner = context, gate, os.getpid()


def on_task_end(callback: Callable[[], object]) -> None:
    """Have a function called whenever a task of this process has ended."""
    _at_task_end.append(callback)


def open_task(context: Context, path: Path) -> None:
    """Begin a task in the model process.

    Args:
        context: of the task.
        path: where child processes look for its request.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_suffix(".new")
    new.write_text(json.dumps(context.json_request), "utf-8")
    new.replace(path)  # a child never reads half of it
    gate = TaskGate.of(str(path))
    context._reports.belong_to(gate)
    context._reports.pause(resume=True)
    set_task(context, gate)


def close_task(context: Context, path: Path) -> None:
    """End a task in the model process: nothing is reported by its context any more."""
    close_gate(path)
    set_task(None)
    context._reports.close()
    context._reports.pause()
    for callback in _at_task_end:
        callback()


def current_context() -> Context:
    """Return the context of the task that this process, thread or parent process is running.

    Works in the algorithm's methods, in threads they start, and in every child process of a
    training or evaluation: forked, spawned, or a plain subprocess. A worker process that lives on
    after a task (a pool's) gets the context of the task that runs when it asks.

    Returns:
        The context of this thread's inference; otherwise that of the task.

    Raises:
        NoCurrentTask: no task is running here.

    Examples:
        >>> ctx = dubhe_sdk.current_context()      # in a rank started by torchrun
        >>> ctx.logProgress(0.5)
    """
    context = current.get()
    if context is not None:
        return context
    known, gate = _Task.context, _Task.gate
    if (
        known is not None
        and _Task.owner == os.getpid()
        and (known._reports.is_own or gate is None or gate.is_open)
    ):
        return known
    path = os.environ.get(TASK_VARIABLE)
    if not path:
        raise NoCurrentTask(
            "no task is running in this process or a parent of it; in an inference, pass ctx on"
        )
    gate = TaskGate.of(path)
    if gate is not None and gate == _Task.gate and _Task.context is not None:
        return _Task.context
    try:
        request = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise NoCurrentTask(
            "the task that started this process has ended, or none has begun; in an inference, "
            f"pass ctx on: {error}"
        ) from None
    context = Context(request)
    context._reports.belong_to(gate, own=False)
    set_task(context, gate)
    return context
