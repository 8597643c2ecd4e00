"""The command: usage, Ctrl-C, and that a failing section does not end the others."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from benchmarks import options
from tests.support.processes import alive
from tests.support.waiting import wait_for

# Sections of the test's own, run by the real command.
SECTIONS = """
import sys, time, types
from pathlib import Path
from benchmarks import command, options, processes
from benchmarks.results import Section

def hang(session):
    with processes.running(["sh", "-c", "sleep 1000 & echo $! > $PIDS; wait"], "test",
                           processes.environ(PIDS=sys.argv[1] + "/pids")):
        time.sleep(1000)

def fail(session):
    raise RuntimeError("the machine is too warm")

def work(session):
    return Section("work", "Work", "How.", figures={"a": 1.0})

for name, measure in {"hang": hang, "fail": fail, "work": work}.items():
    module = types.ModuleType(f"benchmarks.{name}.section")
    module.measure = measure
    sys.modules[module.__name__] = module
options.SECTIONS = ("hang", "fail", "work")
sys.exit(command.run(options.parse(["--quick", "--output", sys.argv[1], "--only", sys.argv[2]])))
"""


def start(folder: Path, only: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(SECTIONS), str(folder), only]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    pids = tmp_path / "pids"
    with start(tmp_path, "work,hang") as process:
        wait_for(lambda: pids.exists() and pids.read_text().endswith("\n"), "the contestant")
        sleeper = int(pids.read_text())
        assert alive(sleeper)
        process.send_signal(number)
        assert process.wait(20) == 130
    wait_for(lambda: not alive(sleeper), "the contestant's end")


def test_a_failing_section_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    with start(tmp_path, "fail,work") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "fail failed: RuntimeError: the machine is too warm" in said
    assert "## Work" in (tmp_path / "RESULTS.md").read_text()


def test_a_section_keeps_its_place_among_those_of_earlier_runs(tmp_path: Path) -> None:
    for _ in range(2):
        with start(tmp_path, "work") as process:
            process.communicate(timeout=60)
        assert process.returncode == 0
    assert (tmp_path / "RESULTS.md").read_text().count("## Work") == 1


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        options.parse(["--only", "reporting,cooking"])
    assert ended.value.code == 2
    assert "unknown section cooking; expected some of reporting" in capsys.readouterr().err


def test_quick_figures_do_not_take_the_place_of_the_real_ones() -> None:
    quick = options.parse(["--quick"])
    assert quick.output != options.parse([]).output
    assert quick.pictures != options.parse([]).pictures
    assert quick.backlog < options.parse([]).backlog
    assert options.parse(["--only", "weight, reporting"]).only == ("reporting", "weight")
