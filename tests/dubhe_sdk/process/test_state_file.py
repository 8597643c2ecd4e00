"""Who runs here: seen while the process lives, and never after its death."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from dubhe_sdk.process.state_file import Presence, pid_namespace, present, present_here


def be_present(spool: Path, pipe: Connection) -> None:
    Presence(spool, "service").update(port=1)
    pipe.send(os.getpid())
    signal.pause()


def test_tells_what_was_said_last(tmp_path: Path) -> None:
    presence = Presence(tmp_path, "service")
    presence.update(port=8030, phase="starting")
    presence.update(port=8030, phase="就绪")
    facts = {"pid": os.getpid(), "pid_namespace": pid_namespace(), "port": 8030, "phase": "就绪"}
    assert present(tmp_path, "service") == [facts]
    assert present_here(tmp_path, "service") == facts
    assert present(tmp_path, "launch") == []
    presence.close()
    assert present(tmp_path, "service") == []
    assert list(tmp_path.rglob("*.json")) == []


def test_a_killed_process_is_not_there_any_more(tmp_path: Path) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=be_present, args=(tmp_path, theirs)
    )
    process.start()
    pid = ours.recv()
    assert [facts["pid"] for facts in present(tmp_path, "service")] == [pid]
    process.kill()
    process.join()
    assert present(tmp_path, "service") == []
    assert len(list(tmp_path.rglob("*.json"))) == 1
    Presence(tmp_path, "service")
    assert list(tmp_path.rglob("*.json")) == []


def test_another_containers_process_is_not_here(tmp_path: Path) -> None:
    presence = Presence(tmp_path, "service")
    presence.update(pid_namespace="pid:[1]")
    assert len(present(tmp_path, "service")) == 1
    assert present_here(tmp_path, "service") is None
    presence.close()


def test_what_is_no_json_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "running").mkdir()
    (tmp_path / "running" / "service.0.json").write_text("{")
    assert present(tmp_path, "service") == []


def test_a_removed_spool_comes_back(tmp_path: Path) -> None:
    presence = Presence(tmp_path / "spool", "launch")
    presence.update(sidecar=1)
    for path in (tmp_path / "spool" / "running").iterdir():
        path.unlink()
    (tmp_path / "spool" / "running").rmdir()
    presence.update(sidecar=2)
    assert present(tmp_path / "spool", "launch")[0]["sidecar"] == 2
    presence.close()
