from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dubhe_simulator.instances.provenance.commands import Commands
from tests.support.processes import alive
from tests.support.waiting import wait_for

SLEEPS = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"


def test_what_it_prints() -> None:
    done = Commands().run([sys.executable, "-c", "import os; print(os.getcwd())"], 60)
    assert done.stdout == b"/\n"
    failing = [sys.executable, "-c", "raise SystemExit(3)"]
    assert Commands().run(failing, 60, check=False).returncode == 3
    with pytest.raises(subprocess.CalledProcessError):
        Commands().run(failing, 60)


def test_one_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        Commands().run([sys.executable, "-c", SLEEPS, str(noted)], 2)
    assert not noted.exists() or not alive(int(noted.read_text()))


def test_a_cancelled_one_is_gone_and_no_other_begins(tmp_path: Path) -> None:
    commands, noted = Commands(), tmp_path / "pid"
    raised: list[BaseException] = []

    def run() -> None:
        try:
            commands.run([sys.executable, "-c", SLEEPS, str(noted)], 600)
        except subprocess.SubprocessError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    pid = int(wait_for(lambda: noted.exists() and noted.read_text(), "it to run"))
    commands.cancel()
    assert not alive(pid)
    thread.join(60)
    assert "the instance has ended meanwhile" in str(raised[0])
    with pytest.raises(subprocess.SubprocessError, match="has ended meanwhile"):
        commands.run([sys.executable, "-c", "pass"], 60)
