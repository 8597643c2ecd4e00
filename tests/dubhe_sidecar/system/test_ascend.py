"""`npu-smi`: its tables, and a command that fails, hangs or says something else.

There is no NPU here. The tables have the forms that public documents show for these versions, with
figures of their own: 23.0.0 of 310P3 and 24.1 of 910B3 as in guides of Ascend's ModelZoo and of
GPUStack (docs, "Ascend CANN"), 24.1, 25.3 and 26.0 as in reports of environments to vllm-ascend
(github.com/vllm-project/vllm-ascend, issues 2035, 5588 and 12980).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from dubhe_sidecar.system import ascend
from dubhe_sidecar.system.ascend import AscendReader, parse
from dubhe_sidecar.system.reader import ReaderFailed

TABLES = Path(__file__).parent / "npu_smi"
MB = 1024 * 1024

DEVICES = {
    "310p3-23.0.0": [
        {"name": "310P3 24.0", "temperature": 31, "use": 7, "memory": 1840 * MB,
         "memory_total": 21527 * MB},
    ],
    "910b3-24.1.0.3": [
        {"name": "910B3 0.0", "power": 312.4, "temperature": 51, "use": 88,
         "memory": 61210 * MB, "memory_total": 65536 * MB},
        {"name": "910B3 5.0", "power": 91, "temperature": 38, "use": 0,
         "memory": 3397 * MB, "memory_total": 65536 * MB},
    ],
    "910c-25.3.rc1": [
        {"name": "Ascend910 0.0", "power": 171.2, "temperature": 33, "use": 12,
         "memory": 3190 * MB, "memory_total": 65536 * MB},
        {"name": "Ascend910 0.1", "temperature": 34, "use": 9,
         "memory": 2901 * MB, "memory_total": 65536 * MB},
    ],
    "910c-26.0.rc2": [
        {"name": "Ascend910 3.0", "power": 160.1, "temperature": 35, "use": 0,
         "memory": 3421 * MB, "memory_total": 65536 * MB},
    ],
}  # fmt: skip


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes `npu-smi` a shell script."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    def make(script: str) -> None:
        path = tmp_path / "npu-smi"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return make


@pytest.mark.parametrize("table", sorted(DEVICES))
def test_each_version_is_understood(table: str, command) -> None:
    command(f"cat {TABLES / table}.txt")
    assert AscendReader().read() == {"devices": DEVICES[table]}


def test_every_table_has_its_figures() -> None:
    assert {path.stem for path in TABLES.iterdir()} == set(DEVICES)


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_table_that_breaks_off_gives_the_chips_that_are_complete(cut: int) -> None:
    lines = (TABLES / "910b3-24.1.0.3.txt").read_text().splitlines()
    whole = "\n".join(lines[: len(lines) - cut])
    assert parse(whole) == DEVICES["910b3-24.1.0.3"][: len(parse(whole))]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'dcmi module initialize failed. ret is -8005'; exit 1", "status 1: 'dcmi module"),
        ("echo 'a new world'", "unknown table: 'a new world'"),
        ("true", "unknown table: nothing"),
        ("printf '\\377\\376'", "unknown table"),
        ("yes", "more than"),
        ("exec nothing-of-that-name", "status 127"),
    ],
)
def test_what_it_prints_else_is_told(script: str, told: str, command) -> None:
    command(script)
    with pytest.raises(ReaderFailed, match=told):
        AscendReader().read()


def test_one_that_hangs_is_ended_with_what_it_has_started(
    command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ascend, "TIMEOUT_SECONDS", 0.5)
    command(f"sleep 1000 & echo $! > {tmp_path}/pid; wait")
    reader = AscendReader()
    begun = time.monotonic()
    with pytest.raises(ReaderFailed, match=r"took more than 0\.5 s"):
        reader.read()
    assert time.monotonic() - begun < 60
    child = int((tmp_path / "pid").read_text())
    stat = Path(f"/proc/{child}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"
    command(f"cat {TABLES}/910c-26.0.rc2.txt")
    assert reader.read() == {"devices": DEVICES["910c-26.0.rc2"]}


def test_without_the_command_there_is_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(ascend, "_FOLDERS", "/nowhere")
    with pytest.raises(ReaderFailed) as raised:
        AscendReader()
    assert str(raised.value) == "", "nothing to tell"
