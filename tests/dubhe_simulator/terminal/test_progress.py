from __future__ import annotations

import io
import signal

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.errors import Stopped
from dubhe_simulator.instances.local import ExitInfo
from dubhe_simulator.terminal.progress import Terminal, duration
from dubhe_simulator.terminal.screen import CLEAR_LINE, Screen, fit, pad, width
from dubhe_simulator.terminal.view import Progress

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


def at(share: float, elapsed: float = 0.0) -> Progress:
    return Progress(share, 3, {"loss": 0.5}, elapsed)


def test_a_file_gets_a_line_at_every_tenth() -> None:
    out = Output(tty=False)
    terminal = Terminal(Screen(out), Clock())
    for step in range(1, 1001):
        terminal.progress(TRAIN, at(step / 1000))
    lines = out.text().splitlines()
    assert 9 <= len(lines) <= 11
    assert "\x1b" not in out.text() and "\r" not in out.text()


def test_a_file_gets_a_line_now_and_then_in_a_slow_task() -> None:
    out, clock = Output(tty=False), Clock()
    terminal = Terminal(Screen(out), clock)
    for second in range(60):
        clock.now = float(second)
        terminal.progress(TRAIN, at(0.0001, second))
    assert len(out.text().splitlines()) == 4


def test_a_terminal_gets_a_bar_that_changes_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    out, clock = Output(tty=True), Clock()
    terminal = Terminal(Screen(out, clock), clock)
    for _ in range(100):
        clock.now += 0.01
        terminal.progress(TRAIN, at(0.5, 30))
    terminal.task_ended(TRAIN, at(1.0), 60)
    text = out.text()
    assert text.count("█" * 12 + "░" * 12) == 10  # not oftener than an eye can follow
    assert "50%  30 s left  epoch 3  loss 0.5000" in text
    assert text.count("\n") == 1
    assert text.endswith(CLEAR_LINE + "  training    finished in 60.0 s  loss 0.5000\n")


def test_a_narrow_terminal_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "30")
    out = Output(tty=True)
    Terminal(Screen(out)).progress(TRAIN, at(0.5))
    assert width(out.text().removeprefix(CLEAR_LINE)) == 29


def test_a_terminal_without_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    out = Output(tty=True, encoding="ascii")
    screen = Screen(out)
    Terminal(screen).progress(TRAIN, at(0.5))
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
    terminal.heartbeat(False, "timed out")
    terminal.heartbeat(True, "")
    terminal.stopped(TRAIN, ExitInfo(137, killed=True, stragglers=("python3 (7)",)))
    lost, back, stopped, killed, stragglers = out.text().splitlines()
    assert "heartbeat lost: timed out" in lost
    assert "heartbeat is back" in back
    assert "exit status 137" in stopped
    assert "ignored SIGTERM" in killed
    assert "python3 (7)" in stragglers


def test_remaining_time() -> None:
    assert at(0.25, 10).remaining == 30
    assert at(0.0, 10).remaining is None
    assert at(1.0, 10).remaining is None
    assert at(0.5, 0.1).remaining is None  # too early to tell


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (187, "3:07"), (7500, "2:05:00")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_widths() -> None:
    assert width("缺陷a") == 5
    assert fit("缺陷a", 3) == "缺"
    assert pad("训练", 6) == "训练  "
