"""`Case`: one habit, how it is started, what is done to it, and what has to come of it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dubhe_sdk.process.command import dubhe_command
from tests.dubhe_sdk.service.harness import APP_COMMAND
from tests.hostile.observation import Observation
from tests.hostile.play import Play, one_task

TCP, HTTP = ("tcp",), ("http",)
BOTH = ("tcp", "http")

SERVE = (*dubhe_command(), "serve", "app.py")
RUN_SH = ("bash", "run.sh")
LAUNCH = (*dubhe_command(), "launch", "--", "bash", "run.sh")
NOHUP = ("nohup", sys.executable, "-u", "app.py")

# What an algorithm's file usually begins with.
HEAD = """
import ctypes, multiprocessing, os, signal, subprocess, sys, threading, time
from pathlib import Path
import dubhe_sdk
from account import note, report, wait_noted
"""


@dataclass(frozen=True)
class Case:
    """One habit.

    Args:
        name: of the habit.
        app: source of ``app.py``.
        kind: third part of the instance's id.
        protocols: it runs once over each.
        command: what the user types in the app's folder.
        files: further files there.
        env: further variables.
        play: what platform and operator do.
        messages: READY, START and END that arrive, in order; reports between them are judged by
            `tests.hostile.judge`.
        status: exit status of what was started.
        notes: what the account must hold.
        absent: what it must not hold.
        end: part of the last END's text.
        log: parts of ``dubhe.log``, each of them there.
        console: parts of the console's text, each of them there.
        check: looks at everything else; it asserts.
    """

    name: str
    app: str = ""
    kind: str = "train"
    protocols: tuple[str, ...] = TCP
    command: tuple[str, ...] = APP_COMMAND
    files: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    play: Callable[[Play], None] = one_task
    messages: str = "READY, START, END 200"
    status: int = 0
    notes: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    end: str = ""
    log: tuple[str, ...] = ()
    console: tuple[str, ...] = ()
    check: Callable[[Observation], None] | None = None


def algorithm(
    body: str, *, top: str = "", constructor: str = "pass", methods: str = "", kind: str = "train"
) -> str:
    """Return an app whose one method does this, and notes that it began and came to its end.

    Args:
        body: of the method.
        top: lines above the class.
        constructor: body of ``__init__``.
        methods: further methods.
        kind: ``train``, ``predict`` or ``inference``: the decorator.
    """
    return (
        f"{HEAD}{_dedent(top)}\n\n@dubhe_sdk.pipeline()\nclass Model:\n"
        f"    def __init__(self, ctx):\n{_indent(constructor)}\n"
        f'    @dubhe_sdk.{kind}()\n    def {kind}(self, ctx):\n        note("started", {_TASK})\n'
        f"{_indent(body)}\n"
        f"{_finish(kind)}{textwrap.indent(_dedent(methods), '    ')}\n"
    )


def training(*, before: str = "", steps: int = 20, after: str = "", top: str = "") -> str:
    """Return an app that trains in steps of a hundredth of a second and reports each.

    Args:
        before: lines at the method's beginning.
        steps: how many; the first ones are over when it notes ``training``.
        after: lines at its end.
        top: lines above the class.
    """
    body = f"{_dedent(before)}\n{_STEPS.format(steps=steps)}\n{_dedent(after)}"
    return algorithm(body, top=top)


_TASK = 'task=ctx.get("algorithm_id")'
_STEPS = """
for step in range({steps}):
    report(ctx, (step + 1) / {steps})
    if step == 2: note("training")
    time.sleep(0.01)
"""


def _finish(kind: str) -> str:
    return "" if kind == "inference" else f'        note("finished", {_TASK})\n'


def _dedent(lines: str) -> str:
    return textwrap.dedent(lines).strip()


def _indent(lines: str) -> str:
    return textwrap.indent(_dedent(lines), " " * 8)
