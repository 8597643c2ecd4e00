"""The machine that instances run on."""

from __future__ import annotations

import platform
from pathlib import Path

from dubhe_simulator.instances.provenance.host import read_host


def test_the_machine_and_its_gpus(tmp_path: Path) -> None:
    for place, text in (
        ("0000:01:00.0", "Model: \t\t NVIDIA A100-SXM4-40GB\nIRQ: 12\n"),
        ("1", ""),
    ):
        (tmp_path / place).mkdir()
        (tmp_path / place / "information").write_text(text)
    host = read_host(tmp_path)
    assert host.name == platform.node()
    assert host.cpus >= 1
    assert host.memory > 2**20
    assert host.gpus == ("NVIDIA A100-SXM4-40GB", "?")
    assert read_host(tmp_path / "none").gpus == ()
