from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dubhe_sdk.ipc.group_failures import GroupFailures

GROUP = "127.0.0.1-29500.json"
# A rank that fails; with a process between it and the launcher if there are more arguments.
RANK = """
import subprocess, sys
from pathlib import Path
from dubhe_sdk.ipc.group_failures import GroupFailures
if sys.argv[3:]:
    subprocess.run([sys.executable, "-c", sys.argv[2], *sys.argv[1:3]], check=True)
else:
    GroupFailures(Path(sys.argv[1])).write(1, "ValueError: bad 图")
"""


def fail(group: Path, *more: str) -> None:
    subprocess.run([sys.executable, "-c", RANK, str(group), RANK, *more], check=True)


def test_a_rank_of_the_same_launcher_counts(tmp_path: Path) -> None:
    group = tmp_path / "ranks" / GROUP
    service = GroupFailures(group)
    assert service.read() == ""
    fail(group)
    # The launcher is this process, and stands above a service that it starts.
    found = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import sys; from pathlib import Path\n"
            "from dubhe_sdk.ipc.group_failures import GroupFailures\n"
            "print(GroupFailures(Path(sys.argv[1])).read())",
            str(group),
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    ).stdout
    assert found == "rank 1 failed: ValueError: bad 图\n"
    service.forget()
    assert list(group.parent.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"launcher": None},
        {"launcher": [1, 2]},
        {"launcher": [os.getppid(), 2]},
        {"started": 0},
    ],
    ids=str,
)
def test_what_another_launch_has_left_does_not_count(
    tmp_path: Path, change: dict[str, object]
) -> None:
    group = tmp_path / GROUP
    failures = GroupFailures(group)
    failures.write(2, "late")
    assert failures.read() == "rank 2 failed: late"  # this process's own, in its own launch
    path = tmp_path / "127.0.0.1-29500.failed-2"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert failures.read() == ""


def test_a_rank_of_another_process_s_does_not_count(tmp_path: Path) -> None:
    fail(tmp_path / GROUP, "between")
    assert len(list(tmp_path.iterdir())) == 1
    assert GroupFailures(tmp_path / GROUP).read() == ""


def test_the_first_that_failed_comes_first(tmp_path: Path) -> None:
    failures = GroupFailures(tmp_path / GROUP)
    failures.write(1, "late")
    failures.write(2, "early")
    os.utime(tmp_path / "127.0.0.1-29500.failed-2", ns=(1, 1))
    assert failures.read() == "rank 2 failed: early; rank 1 failed: late"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "ranks").write_text("")
    failures = GroupFailures(tmp_path / "ranks" / GROUP)
    failures.write(1, "late")
    assert failures.read() == ""
    failures.forget()
