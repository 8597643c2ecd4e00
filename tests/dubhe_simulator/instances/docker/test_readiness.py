from __future__ import annotations

from pathlib import Path

from dubhe_sdk.logs.format import json_line
from dubhe_simulator.instances.docker.readiness import Readiness


def log_of(folder: Path, text: str) -> None:
    (folder / "log").mkdir(exist_ok=True)
    with (folder / "log" / "dubhe.log").open("a") as file:
        file.write(text)


def test_ready_in_two_pieces(tmp_path: Path) -> None:
    readiness = Readiness(tmp_path)
    readiness.poll()
    log_of(tmp_path, "2026-01-01 00:00:00,000 INFO 14 loading\n2026-01-01 00:00:00,100 INFO 9 RE")
    readiness.poll()
    assert not readiness.ready
    log_of(tmp_path, "ADY 200 model is ready\n")
    readiness.poll()
    assert readiness.ready
    assert readiness.failure is None


def test_an_end_before_ready_is_a_failure(tmp_path: Path) -> None:
    log_of(tmp_path, "2026-01-01 00:00:00,000 INFO 9 END 300 a-b-train-1 current model error x\n")
    readiness = Readiness(tmp_path)
    readiness.poll()
    assert not readiness.ready
    assert readiness.failure == "a-b-train-1 current model error x"


def test_lines_in_json(tmp_path: Path) -> None:
    for message, seconds in (('END 300 a current model error "x"', 1.0), ("READY 200 ok", 2.0)):
        log_of(tmp_path, json_line(seconds, "INFO", "dubhe_sdk", 9, message, {"kind": "x"}) + "\n")
    readiness = Readiness(tmp_path)
    readiness.poll()
    assert readiness.ready
    assert readiness.failure == 'a current model error \\"x\\"'
