"""Which of an instance's processes is the algorithm's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dubhe_simulator.instances.provenance.processes import algorithm_process
from tests.support.waiting import wait_for


@contextmanager
def shell(command: str) -> Iterator[int]:
    process = subprocess.Popen(
        ["bash", "-c", f"{command}; true"], stdin=subprocess.PIPE, env={**os.environ, "RATE": "0.1"}
    )
    try:
        yield process.pid
    finally:
        assert process.stdin
        process.stdin.close()  # `read` and `cat` end
        process.wait()


def test_the_first_python_below_a_shell_is_found() -> None:
    waits = f"RATE=0.2 {sys.executable} -c 'input()' || true"
    with shell(waits) as pid:
        found = wait_for(lambda: algorithm_process(pid), "the process")
        assert found.executable == sys.executable
        assert found.command[1:] == ("-c", "input()")
        assert found.environment["RATE"] == "0.2"


def test_without_python_there_is_none() -> None:
    with shell("cat") as pid:
        assert algorithm_process(pid) is None
