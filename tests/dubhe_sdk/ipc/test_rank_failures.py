from __future__ import annotations

import os
from pathlib import Path

from dubhe_sdk.ipc.rank_failures import forget_failures, read_failures, write_failure


def test_the_first_that_failed_comes_first(tmp_path: Path) -> None:
    task = tmp_path / "task.json"
    assert read_failures(task) == ""
    write_failure(task, 10, "ValueError: bad 图")
    write_failure(task, 2, "RuntimeError: connection closed")
    os.utime(tmp_path / "task.json.rank-10", ns=(1, 1))
    assert read_failures(task) == (
        "rank 10 failed: ValueError: bad 图; rank 2 failed: RuntimeError: connection closed"
    )
    forget_failures(task)
    assert read_failures(task) == ""


def test_a_task_whose_folder_is_gone(tmp_path: Path) -> None:
    task = tmp_path / "gone" / "task.json"
    write_failure(task, 1, "late")
    assert read_failures(task) == ""
    forget_failures(task)
