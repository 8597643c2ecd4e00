from __future__ import annotations

import io
import signal

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.errors import Stopped
from dubhe_simulator.instances.base import ExitInfo
from dubhe_simulator.platform.workflow_events import (
    HeartbeatChanged,
    InstanceStopped,
    TaskEnded,
    TaskProgress,
    WorkflowNote,
)
from dubhe_simulator.terminal.progress import Terminal, duration
from dubhe_simulator.terminal.screen import CLEAR_LINE, Screen, fit, pad, width

TRAIN = TaskKind.TRAIN


class Output(io.TextIOWrapper):
    """A stream in memory that may claim to be a terminal."""

    def __init__(self, tty: bool, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="")
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty

    def text(self) -> str:
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode(self.encoding)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def at(share: float, remaining_s: float | None = None) -> TaskProgress:
    return TaskProgress(TRAIN, share, 3, {"loss": 0.5}, remaining_s)


def test_a_file_gets_a_line_at_every_tenth() -> None:
    out = Output(tty=False)
    terminal = Terminal(Screen(out), Clock())
    for step in range(1, 1001):
        terminal.show(at(step / 1000))
    lines = out.text().splitlines()
    assert 9 <= len(lines) <= 11
    assert "\x1b" not in out.text() and "\r" not in out.text()


def test_a_file_gets_a_line_now_and_then_in_a_slow_task() -> None:
    out, clock = Output(tty=False), Clock()
    terminal = Terminal(Screen(out), clock)
    for second in range(60):
        clock.now = float(second)
        terminal.show(at(0.0001))
    assert len(out.text().splitlines()) == 4


def test_a_terminal_gets_a_bar_that_changes_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    out, clock = Output(tty=True), Clock()
    terminal = Terminal(Screen(out, clock), clock)
    for _ in range(100):
        clock.now += 0.01
        terminal.show(at(0.5, 30))
    terminal.show(TaskEnded(TRAIN, 60, {"loss": 0.5}))
    text = out.text()
    assert text.count("█" * 12 + "░" * 12) == 10  # not oftener than an eye can follow
    assert "50%  30 s left  epoch 3  loss 0.5000" in text
    assert text.count("\n") == 1
    assert text.endswith(CLEAR_LINE + "  training    finished in 60.0 s  loss 0.5000\n")


def test_a_narrow_terminal_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "30")
    out = Output(tty=True)
    Terminal(Screen(out)).show(at(0.5))
    assert width(out.text().removeprefix(CLEAR_LINE)) == 29


def test_a_terminal_without_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    out = Output(tty=True, encoding="ascii")
    screen = Screen(out)
    Terminal(screen).show(at(0.5))
    screen.line("→ 缺陷")
    assert "############............" in out.text()
    assert out.text().endswith("? ??\n")


def test_a_dumb_terminal_counts_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert not Screen(Output(tty=True)).live


def test_a_reader_that_has_gone_stops_the_play_once() -> None:
    class Gone(Output):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    screen = Screen(Gone(tty=False))
    with pytest.raises(Stopped) as stopped:
        screen.line("x")
    assert stopped.value.exit_status == 128 + signal.SIGPIPE
    screen.line("y")


def test_trouble_is_said() -> None:
    out = Output(tty=False)
    terminal = Terminal(Screen(out))
    terminal.show(HeartbeatChanged(TRAIN, False, "timed out"))
    terminal.show(HeartbeatChanged(TRAIN, True, ""))
    exit_info = ExitInfo(137, killed=True, stragglers=("python3 (7)",))
    terminal.show(InstanceStopped(TRAIN, exit_info))
    terminal.show(WorkflowNote(TRAIN, "no model file"))
    lost, back, stopped, killed, stragglers, note = out.text().splitlines()
    assert "heartbeat lost: timed out" in lost
    assert "heartbeat restored" in back
    assert "exit status 137" in stopped
    assert "did not react to SIGTERM" in killed
    assert "python3 (7)" in stragglers
    assert note == "  training    no model file"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (187, "3:07"), (7500, "2:05:00")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_widths() -> None:
    assert width("缺陷a") == 5
    assert fit("缺陷a", 3) == "缺"
    assert pad("训练", 6) == "训练  "
