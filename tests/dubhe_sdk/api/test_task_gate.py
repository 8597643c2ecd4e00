from __future__ import annotations

from pathlib import Path
from typing import Any

from dubhe_sdk.api.task_gate import GatedReporter, TaskGate
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


def test_a_closed_one_stays_closed() -> None:
    warnings = list[str]()
    gated = GatedReporter(None, None, warnings.append)
    gated.progress({})
    assert len(warnings) == 1
