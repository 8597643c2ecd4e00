"""dubhe-core with and without what is in C: wheels, source archive, editable installation."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging.conftest import Environment
from tests.support.distributions import FOLDERS

pytestmark = [pytest.mark.slow, pytest.mark.needs("a C compiler")]

BUILT = "dubhe_sdk/spool/_stream_state.abi3.so"
SHOW = """
from pathlib import Path
import dubhe_sdk
from dubhe_sdk.spool.stream_state import StreamState
ctx = dubhe_sdk.Context({})
for batch in range(3):
    ctx.logProgressByBatch(1, batch, 3, (batch + 1) / 3, {"loss": 0.5})
print(StreamState.__module__, sum(path.read_bytes().count(b'"loss":0.5') for path in
                                  Path("temporary", "spool").glob("*.seg")))
"""


def build(folder: Path, source: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Build a wheel into a folder."""
    pip = [sys.executable, "-m", "pip", "wheel", "-v", "--no-deps", "--no-build-isolation"]
    return subprocess.run(
        [*pip, "-w", folder, source],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def used_by(environment: Environment) -> list[str]:
    """Return which module reports in an environment, and how many reports it made."""
    os.environ["DUBHE_TEMPORARY"] = "temporary"
    try:
        return environment.run("python3", "-c", SHOW).split()
    finally:
        del os.environ["DUBHE_TEMPORARY"]


def test_a_wheel_of_this_machine_serves_every_python_of_it(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    wheel = wheels["dubhe-core"]
    assert "-cp310-abi3-linux_" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if "_stream_state" in name]
    assert names == [BUILT]  # without its source
    environment = Environment(tmp_path / "venv")
    environment.install(wheel)
    assert used_by(environment) == ["dubhe_sdk.spool._stream_state", "3"]


@pytest.mark.parametrize(
    "env", [{"DUBHE_ACCELERATOR": "no"}, {"CC": "no-such-compiler", "PATH": "/nowhere"}]
)
def test_without_it_the_wheel_is_for_every_machine(tmp_path: Path, env: dict[str, str]) -> None:
    done = build(tmp_path, FOLDERS["dubhe-core"], **env)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.endswith((".so", ".c"))]
    text = done.stdout + done.stderr
    assert ("reports are slower: no-such-compiler" in text) == ("CC" in env)
    environment = Environment(tmp_path / "venv")
    environment.install(wheel)
    assert used_by(environment) == ["dubhe_sdk.spool.stream_state", "3"]


@pytest.mark.parametrize(
    ("env", "text"),
    [
        (
            {"DUBHE_ACCELERATOR": "required", "CC": "no-such-compiler", "PATH": "/nowhere"},
            "was not",
        ),
        ({"DUBHE_ACCELERATOR": "required", "CC": "false"}, "status 1"),
        ({"DUBHE_ACCELERATOR": "yes"}, "expected no, required, or nothing"),
    ],
)
def test_a_build_that_is_refused(tmp_path: Path, env: dict[str, str], text: str) -> None:
    done = build(tmp_path, FOLDERS["dubhe-core"], **env)
    assert done.returncode != 0
    assert text in done.stdout + done.stderr
    assert list(tmp_path.glob("*.whl")) == []
