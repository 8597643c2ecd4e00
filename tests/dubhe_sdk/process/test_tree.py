from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from dubhe_sdk.process import tree
from tests.support.environ import clean_environ
from tests.support.processes import Marked, alive
from tests.support.waiting import wait_for

# A process that adopts orphans, and below it whatever the shell makes; then it ends what is left.
KEEPER = """
import os, subprocess, sys
from dubhe_sdk.process import tree
from dubhe_sdk.process.linux import adopt_orphans

adopt_orphans()
quiet = {"stdout": subprocess.DEVNULL}
spared = subprocess.Popen(["bash", "-c", "sleep 600 & echo $! > spared; wait"], **quiet)
shell = subprocess.Popen(["bash", "-c", sys.argv[1]], **quiet)
shell.wait()
while not os.path.exists("spared") or not open("spared").read().strip():
    pass
killed = tree.kill_orphans(os.getpid(), spare=[spared.pid])
left = tree.descendants(os.getpid())
print(len(killed), [spared.pid, int(open("spared").read())] == left, flush=True)
print(tree.dead_children(os.getpid()), flush=True)
"""


@pytest.fixture
def marked() -> Iterator[Marked]:
    made = Marked()
    yield made
    made.kill()


def keep(tmp_path: Path, marked: Marked, script: str) -> list[str]:
    """Run the keeper above a script; return what it found."""
    done = subprocess.run(
        [sys.executable, "-c", KEEPER, script],
        cwd=tmp_path,
        env=clean_environ(**marked.env),
        stdout=subprocess.PIPE,
        text=True,
        timeout=20,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("true", 0),
        ("sleep 600 &", 1),
        ("setsid sleep 600 & while ! pgrep -P $$ >/dev/null; do :; done", 1),
        ("setsid bash -c 'setsid sleep 600 & setsid sleep 600 & wait' & sleep 0.2", 3),
        ("bash -c 'trap \"\" TERM INT HUP; sleep 600 & wait' & sleep 0.2", 2),
    ],
    ids=["nothing", "child", "session", "sessions", "deaf"],
)
def test_orphans_are_found_wherever_they_moved(
    tmp_path: Path, marked: Marked, script: str, count: int
) -> None:
    assert keep(tmp_path, marked, script) == [f"{count} True", "[]"]


def test_one_that_multiplies_is_ended_too(tmp_path: Path, marked: Marked) -> None:
    # Each process starts its successor and ends; killing a list of PIDs once would miss it.
    chain = (
        "cat > chain.sh <<'END'\n"
        "sleep 0.005\n"
        "[ -e stop ] || setsid bash chain.sh &\n"
        "END\n"
        "setsid bash chain.sh & sleep 0.1"
    )
    try:
        assert keep(tmp_path, marked, chain)[0].endswith("True")
    finally:
        (tmp_path / "stop").touch()


def test_descendants_are_listed_parents_first(tmp_path: Path, marked: Marked) -> None:
    process = subprocess.Popen(
        ["bash", "-c", "bash -c 'sleep 600 & wait' & wait"], env=clean_environ(**marked.env)
    )
    found = wait_for(
        lambda: len(tree.descendants(process.pid)) == 2 and tree.descendants(process.pid)
    )
    assert found is not False
    parent_of = {
        pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        for pid in found
    }
    assert parent_of == {found[0]: process.pid, found[1]: found[0]}
    assert set(found) < set(tree.descendants(os.getpid()))
    marked.kill()
    process.wait()
    assert tree.descendants(process.pid) == []


def test_names_with_parentheses_and_spaces_do_not_confuse(tmp_path: Path) -> None:
    strange = tmp_path / "a) S 1 (b"
    strange.symlink_to("/bin/sleep")
    process = subprocess.Popen([strange, "600"])
    try:
        assert process.pid in tree.descendants(os.getpid())
    finally:
        process.kill()
        process.wait()


def test_the_dead_are_no_descendants_but_to_be_reaped() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    wait_for(lambda: pid in tree.dead_children(os.getpid()), "the child's end")
    assert pid not in tree.descendants(os.getpid())
    tree.reap(pid)
    assert pid not in tree.dead_children(os.getpid())
    tree.reap(pid)  # a second time does nothing


def test_reaping_the_living_does_nothing() -> None:
    process = subprocess.Popen(["sleep", "600"])
    tree.reap(process.pid)
    assert alive(process.pid)
    process.kill()
    assert process.wait() == -signal.SIGKILL


def test_signals_to_those_that_are_gone_are_passed_over() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    other = subprocess.Popen(["sleep", "600"])
    tree.signal_all([process.pid, other.pid], signal.SIGTERM)
    assert other.wait() == -signal.SIGTERM


@pytest.mark.parametrize(
    ("returncode", "words", "status"),
    [
        (0, "exited with status 0", 0),
        (3, "exited with status 3", 3),
        (-15, "was killed by SIGTERM", 143),
        (-11, "was killed by SIGSEGV", 139),
        (
            -9,
            "was killed by SIGKILL",
            137,
        ),
        (-63, "was killed by signal 63", 191),
    ],
)
def test_how_a_process_ended(returncode: int, words: str, status: int) -> None:
    assert tree.describe_exit(returncode) == words
    assert tree.exit_status(returncode) == status


def test_ancestors() -> None:
    found = tree.ancestors(os.getpid())
    assert [one.pid for one in found[:2]] == [os.getpid(), os.getppid()]
    assert all(below.parent == one.pid for below, one in pairwise(found))
    assert all(below.started >= one.started for below, one in pairwise(found))
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
        assert tree.ancestors(gone.pid) == []
