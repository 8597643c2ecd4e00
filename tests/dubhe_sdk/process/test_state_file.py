"""Who runs here: seen while the process lives, and never after its death."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from dubhe_sdk.process.state_file import StateFile, pid_namespace, read_local_state, read_states


def be_present(spool: Path, pipe: Connection) -> None:
    StateFile(spool, "service").update(port=1)
    pipe.send(os.getpid())
    signal.pause()


def test_returns_the_latest_state(tmp_path: Path) -> None:
    state_file = StateFile(tmp_path, "service")
    state_file.update(port=8030, phase="starting")
    state_file.update(port=8030, phase="就绪")
    facts = {"pid": os.getpid(), "pid_namespace": pid_namespace(), "port": 8030, "phase": "就绪"}
    assert read_states(tmp_path, "service") == [facts]
    assert read_local_state(tmp_path, "service") == facts
    assert read_states(tmp_path, "launch") == []
    state_file.close()
    assert read_states(tmp_path, "service") == []
    assert list(tmp_path.rglob("*.json")) == []


def test_a_killed_process_is_not_there_any_more(tmp_path: Path) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=be_present, args=(tmp_path, theirs)
    )
    process.start()
    pid = ours.recv()
    assert [facts["pid"] for facts in read_states(tmp_path, "service")] == [pid]
    process.kill()
    process.join()
    assert read_states(tmp_path, "service") == []
    assert len(list(tmp_path.rglob("*.json"))) == 1
    StateFile(tmp_path, "service")
    assert list(tmp_path.rglob("*.json")) == []


def test_another_containers_process_is_not_here(tmp_path: Path) -> None:
    state_file = StateFile(tmp_path, "service")
    state_file.update(pid_namespace="pid:[1]")
    assert len(read_states(tmp_path, "service")) == 1
    assert read_local_state(tmp_path, "service") is None
    state_file.close()


def test_what_is_no_json_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "running").mkdir()
    (tmp_path / "running" / "service.0.json").write_text("{")
    assert read_states(tmp_path, "service") == []


def test_a_removed_spool_comes_back(tmp_path: Path) -> None:
    state_file = StateFile(tmp_path / "spool", "launch")
    state_file.update(sidecar=1)
    for path in (tmp_path / "spool" / "running").iterdir():
        path.unlink()
    (tmp_path / "spool" / "running").rmdir()
    state_file.update(sidecar=2)
    assert read_states(tmp_path / "spool", "launch")[0]["sidecar"] == 2
    state_file.close()
