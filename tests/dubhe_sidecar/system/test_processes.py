"""The figures of a real process and of what it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sidecar.system.processes import ProcessReader
from dubhe_sidecar.system.reader import ReaderFailed
from tests.support.waiting import wait_for

MIB = 2**20
# A parent whose child computes, holds memory and writes.
CHILD = """
import os, sys
held = bytearray(os.urandom(1 << 20) * 60)
with open(sys.argv[1], "wb", buffering=0) as file:
    while True:
        sum(range(100_000))
        file.seek(0)
        file.write(bytes(1 << 16))
        os.fsync(file.fileno())
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", PARENT, CHILD, str(tmp_path / "written")]
    process = subprocess.Popen(command, start_new_session=True)
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_child_counts_with_its_parent(parent: subprocess.Popen[bytes]) -> None:
    reader = ProcessReader(parent.pid)
    assert "cpu" not in reader.read(), "rates need two samples"

    def busy() -> bool:
        figures = reader.read()
        assert figures["received"] >= 0 and figures["read"] >= 0
        return (
            figures["processes"] == 2
            and figures["memory"] > 60 * MIB
            and figures["cpu"] > 0
            and figures["written"] > 0
        )

    wait_for(busy, "all figures of the child")


def test_a_process_that_has_gone_is_told() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(ReaderFailed, match="cannot be read"):
        ProcessReader(process.pid).read()
