from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.api import task_gate
from dubhe_sdk.api.task_gate import GatedReporter, TaskGate, close_gate
from dubhe_sdk.contract.messages import MessageType
from dubhe_sdk.spool.frame import Kind


class Reporter:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def progress(self, data: dict[str, Any], batch: int = 0, batches: int = 0) -> None:
        self.said.append(data)

    def report(self, kind: Kind, type_: MessageType, data: Any) -> bool:
        self.said.append(data)
        return True


def write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_it_is_open_for_its_own_task_alone(tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    assert TaskGate.of(str(path)) is None
    write(path, "{}")
    gate = TaskGate.of(str(path))
    assert gate is not None and gate.is_open
    write(path, "{}")
    assert not gate.is_open
    other = TaskGate.of(str(path))
    assert other is not None and other.is_open
    path.unlink()
    assert not other.is_open


def test_what_comes_late_is_dropped_with_one_warning(tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    write(path, "{}")
    reporter, warnings = Reporter(), list[str]()
    gated = GatedReporter(reporter, TaskGate.of(str(path)), warnings.append)
    gated.progress({"progress": 0.5})
    assert gated.report(Kind.RESULT, MessageType.RESULT, [1])
    path.unlink()
    gated.progress({"progress": 1})
    assert not gated.report(Kind.RESULT, MessageType.RESULT, [2])
    assert reporter.said == [{"progress": 0.5}, [1]]
    assert len(warnings) == 1 and "after the end of its task is dropped" in warnings[0]


class SlowReporter(Reporter):
    """Takes its time, as one that waits for room in the spool."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.goes_on = threading.Event(), threading.Event()

    def progress(self, data: dict[str, Any], batch: int = 0, batches: int = 0) -> None:
        self.begun.set()
        assert self.goes_on.wait(10)
        super().progress(data)


def test_the_end_waits_for_what_is_being_reported(tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    write(path, "{}")
    reporter = SlowReporter()
    gated = GatedReporter(reporter, TaskGate.of(str(path)), list[str]().append)
    reports = threading.Thread(target=gated.progress, args=({"progress": 0.5},))
    reports.start()
    assert reporter.begun.wait(10)
    ends = threading.Thread(target=close_gate, args=(path,))
    ends.start()
    while path.exists():
        time.sleep(0.001)
    ends.join(0.1)
    assert ends.is_alive()
    reporter.goes_on.set()
    ends.join(10)
    assert reporter.said == [{"progress": 0.5}]
    reports.join(10)
    gated.progress({"progress": 0.6})
    assert reporter.said == [{"progress": 0.5}]


def test_one_that_is_frozen_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_gate, "_LATE_SECONDS", 0.1)
    path = tmp_path / "task.json"
    write(path, "{}")
    reporter = SlowReporter()
    gated = GatedReporter(reporter, TaskGate.of(str(path)), list[str]().append)
    reports = threading.Thread(target=gated.progress, args=({"progress": 0.5},))
    reports.start()
    assert reporter.begun.wait(10)
    close_gate(path)
    assert not path.exists()
    close_gate(path)  # nothing is left to do
    reporter.goes_on.set()
    reports.join(10)


def test_nobody_waits_for_anothers_report(tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    write(path, "{}")
    reporter = SlowReporter()
    gated = GatedReporter(reporter, TaskGate.of(str(path)), list[str]().append)
    reports = threading.Thread(target=gated.progress, args=({"progress": 0.5},))
    reports.start()
    assert reporter.begun.wait(10)
    assert gated.report(Kind.RESULT, MessageType.RESULT, [1])  # while the other one is at it
    ends = threading.Thread(target=close_gate, args=(path,))
    ends.start()
    ends.join(0.1)
    assert ends.is_alive()  # the lock is still that of the other one
    reporter.goes_on.set()
    ends.join(10)
    reports.join(10)
    assert reporter.said == [[1], {"progress": 0.5}]


def test_many_threads_may_come_late_at_once(tmp_path: Path) -> None:
    for _ in range(50):
        path = tmp_path / "task.json"
        write(path, "{}")
        reporter, warnings, raised = Reporter(), list[str](), list[BaseException]()
        gated = GatedReporter(reporter, TaskGate.of(str(path)), warnings.append)
        path.unlink()
        together = threading.Barrier(4)

        def come_late(
            gated: GatedReporter = gated,
            together: threading.Barrier = together,
            raised: list[BaseException] = raised,
        ) -> None:
            together.wait()
            try:
                gated.progress({"progress": 1})
            except BaseException as error:  # noqa: BLE001 - told by the test
                raised.append(error)

        threads = [threading.Thread(target=come_late) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert (raised, reporter.said) == ([], [])
        assert warnings


def test_without_a_free_descriptor_a_task_reports_and_ends_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    path = tmp_path / "task.json"
    write(path, "{}")
    monkeypatch.setattr(os, "open", refuse)
    reporter = Reporter()
    gated = GatedReporter(reporter, TaskGate.of(str(path)), list[str]().append)
    gated.progress({"progress": 0.5})
    close_gate(path)
    assert not path.exists()
    gated.progress({"progress": 0.6})
    assert reporter.said == [{"progress": 0.5}]


def test_a_daemon_that_has_closed_its_descriptors_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    write(path, "{}")
    reporter = Reporter()
    gated = GatedReporter(reporter, TaskGate.of(str(path)), list[str]().append)
    os.close(gated._fd)
    with Path(os.devnull).open() as other:  # has the number now, and is not to be locked or closed
        gated.progress({"progress": 0.5})
        path.unlink()
        gated.progress({"progress": 0.6})
        assert os.fstat(other.fileno())
    assert reporter.said == [{"progress": 0.5}]


def test_a_closed_one_stays_closed() -> None:
    warnings = list[str]()
    gated = GatedReporter(None, None, warnings.append)
    gated.progress({})
    assert len(warnings) == 1
