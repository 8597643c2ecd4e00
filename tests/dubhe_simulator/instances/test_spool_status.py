"""The count of what was said, against a real spool."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from dubhe_simulator.instances.spool_status import reported_count
from tests.support.environ import clean_environ

_SAY = """
import dubhe_sdk
context = dubhe_sdk.Context({})
for index in range(7):
    context.logProgress(index / 7)
"""


def test_everything_said_is_counted_before_and_after_delivery(tmp_path: Path) -> None:
    env = clean_environ(DUBHE_TEMPORARY=str(tmp_path), INSTANCE_ID="a-b-train-1")
    subprocess.run([sys.executable, "-c", _SAY], env=env, check=True, cwd=tmp_path)
    assert reported_count(tmp_path / "spool") == 7
    script = Path(sys.modules["dubhe_sdk"].__file__ or "").parent / "cli" / "bin" / "dubhe.py"
    subprocess.run([sys.executable, script, "sidecar", "--drain"], env=env, check=True)
    assert not [name for name in os.listdir(tmp_path / "spool") if name.endswith(".seg")]
    assert reported_count(tmp_path / "spool") == 7


def test_an_algorithm_without_a_spool(tmp_path: Path) -> None:
    assert reported_count(tmp_path / "spool") is None
