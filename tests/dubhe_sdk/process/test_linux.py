from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environ import clean_environ
from tests.support.processes import Marked, alive
from tests.support.waiting import wait_for

CHILD = """
import os, signal, sys, time
from dubhe_sdk.process.linux import die_with_parent
die_with_parent(int(sys.argv[1]), signal.Signals(int(sys.argv[2])))
open("child", "w").write(str(os.getpid()))
time.sleep(600)
"""
PARENT = """
import os, subprocess, sys
subprocess.run([sys.executable, "child.py", str(os.getpid()), sys.argv[1]], start_new_session=True)
"""


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_dies_with_its_parent(tmp_path: Path, signum: signal.Signals) -> None:
    (tmp_path / "child.py").write_text(CHILD)
    marked = Marked()
    try:
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(int(signum))],
            cwd=tmp_path,
            env=clean_environ(**marked.env),
        )
        path = tmp_path / "child"
        child = int(wait_for(lambda: path.exists() and path.read_text(), "the child"))
        parent.kill()
        parent.wait()
        wait_for(lambda: not alive(child), "the child's end")
    finally:
        marked.kill()


def test_a_parent_that_was_gone_already(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(CHILD)
    done = subprocess.run(
        [sys.executable, "child.py", "1", "15"], cwd=tmp_path, env=clean_environ(), timeout=20
    )
    assert done.returncode == -signal.SIGTERM
    assert not (tmp_path / "child").exists()
