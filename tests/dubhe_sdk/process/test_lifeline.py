from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk.process import lifeline
from tests.support.environ import clean_environ
from tests.support.processes import Marked, alive
from tests.support.waiting import wait_for


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        os.close(fd)


def test_an_inherited_pipe(pipe: tuple[int, int]) -> None:
    os.set_inheritable(pipe[0], True)
    assert lifeline.inherited({lifeline.VARIABLE: str(pipe[0])}) == pipe[0]
    assert not os.get_inheritable(pipe[0])  # not for the children of this process


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "99999"])
def test_none_was_inherited(text: str) -> None:
    assert lifeline.inherited({lifeline.VARIABLE: text}) is None
    assert lifeline.inherited({}) is None


def test_another_file_under_that_number_is_left_alone(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        assert lifeline.inherited({lifeline.VARIABLE: str(file.fileno())}) is None


def test_through_a_shell_the_end_is_seen_however_the_parent_dies(tmp_path: Path) -> None:
    # parent (killed) → bash, which knows nothing of it → the process that watches
    watcher = (
        "import os, select; from dubhe_sdk.process import lifeline\n"
        "fd = lifeline.inherited(os.environ)\n"
        "open('watching', 'w').write(str(os.getpid()))\n"
        "select.select([fd], [], [])\n"
        "open('seen', 'w').write(repr(os.read(fd, 1)))\n"
    )
    parent = (
        "import os, subprocess, sys\n"
        "reading, writing = os.pipe()\n"
        "subprocess.run(['bash', '-c', sys.argv[1]], pass_fds=[reading],\n"
        "    env={**os.environ, 'DUBHE_LIFELINE': str(reading)})\n"
    )
    (tmp_path / "watcher.py").write_text(watcher)
    marked = Marked()
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", parent, f"{sys.executable} watcher.py; true"],
            cwd=tmp_path,
            env=clean_environ(**marked.env),
        )
        watching = int(wait_for(lambda: _text(tmp_path / "watching"), "the watcher"))
        assert not (tmp_path / "seen").exists()
        process.kill()
        process.wait()
        assert wait_for(lambda: _text(tmp_path / "seen"), "the end") == "b''"
        wait_for(lambda: not alive(watching), "the watcher's end")
    finally:
        marked.kill()


def test_nothing_is_readable_while_the_parent_lives(pipe: tuple[int, int]) -> None:
    readable = select.poll()  # not select: the number may be above 1023 late in a run
    readable.register(pipe[0], select.POLLIN)
    assert readable.poll(0) == []


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
