"""Shows a workflow in a terminal while it goes on; also fit for a log file."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.workflow_events import (
    HeartbeatChanged,
    InferenceAnswered,
    InstanceReady,
    InstanceStarted,
    InstanceStopped,
    InstanceWaiting,
    TaskEnded,
    TaskProgress,
    WorkflowEvent,
    WorkflowNote,
)
from dubhe_simulator.terminal.screen import Screen, pad

BAR_CELLS = 24
# Without a terminal: a line at every tenth, and one after so many seconds in any case.
LINE_EVERY_SHARE = 0.1
LINE_EVERY_S = 15.0


class Terminal:
    """Writes a line for what a workflow's listener is told."""

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        self._screen = screen
        self._clock = clock
        self._next_share = 0.0
        self._next_line_at = 0.0

    def show(self, event: WorkflowEvent) -> None:
        """Show an event."""
        match event:
            case InstanceStarted(kind, instance):
                self._next_share = self._next_line_at = 0.0
                self._line(kind, translate("starting", instance_id=instance))
            case InstanceWaiting(kind, text):
                self._line(kind, text)
            case InstanceReady(kind, seconds):
                self._line(kind, translate("ready", seconds=seconds))
            case TaskProgress():
                self._progress(event)
            case TaskEnded(kind, seconds, metrics):
                self._line(kind, translate("task_ended", seconds=seconds) + _metrics(metrics))
            case InferenceAnswered(kind, milliseconds):
                self._line(kind, translate("answered", milliseconds=milliseconds))
            case HeartbeatChanged(_, alive, detail):
                key = "heartbeat_back" if alive else "heartbeat_lost"
                self._warn(translate(key, detail=detail))
            case InstanceStopped(kind, exit_info):
                self._line(kind, translate("stopped", status=exit_info.status))
                if exit_info.killed:
                    self._warn(translate("had_to_kill"))
                if exit_info.stragglers:
                    self._warn(translate("stragglers", names=", ".join(exit_info.stragglers)))
            case WorkflowNote(kind, text):
                self._line(kind, text)

    def _progress(self, progress: TaskProgress) -> None:
        if self._screen.live:
            bar = self._label(progress.kind) + self._bar(progress.share)
            self._screen.bottom(bar + _figures(progress))
        elif progress.share >= self._next_share or self._clock() >= self._next_line_at:
            self._next_share = progress.share + LINE_EVERY_SHARE
            self._next_line_at = self._clock() + LINE_EVERY_S
            self._line(progress.kind, _figures(progress).strip())

    def _line(self, kind: TaskKind, text: str) -> None:
        self._screen.line(self._label(kind) + text)

    def _warn(self, text: str) -> None:
        self._screen.line(f"  ! {text}")

    def _label(self, kind: TaskKind) -> str:
        return "  " + pad(translate(f"kind_{kind.value}"), 12)

    def _bar(self, share: float) -> str:
        full, empty = ("█", "░") if self._screen.unicode else ("#", ".")
        done = int(share * BAR_CELLS)
        return full * done + empty * (BAR_CELLS - done)


def _figures(progress: TaskProgress) -> str:
    epoch = "" if progress.epoch is None else "  " + translate("epoch", number=progress.epoch)
    left = progress.remaining_s
    time_left = "" if left is None else "  " + translate("time_left", time=duration(left))
    # The metrics last: what a narrow window cuts off is the least needed.
    return f" {progress.share:4.0%}{time_left}{epoch}{_metrics(progress.metrics)}"


def _metrics(metrics: Mapping[str, float]) -> str:
    return "".join(f"  {name} {_number(value)}" for name, value in metrics.items())


def _number(value: float) -> str:
    """A width that stays the same while a loss falls; powers only for the very small and large."""
    return f"{value:.4f}" if value == 0 or 0.001 <= abs(value) < 100_000 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return a time as ``42 s``, ``3:07`` or ``2:05:00``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
