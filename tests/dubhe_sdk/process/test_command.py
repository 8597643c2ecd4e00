from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dubhe_sdk.process.command import dubhe_command, support_command
from tests.support.environ import clean_environ


def test_dubhe_is_run_by_this_interpreter(tmp_path: Path) -> None:
    command = dubhe_command()
    assert command[0] == sys.executable
    assert Path(command[-1]).is_file()
    done = subprocess.run(
        [*command, "--version"], cwd=tmp_path, capture_output=True, text=True, env=clean_environ()
    )
    assert done.returncode == 0
    assert done.stdout.startswith("dubhe-sdk ")


def test_the_working_directory_is_not_on_the_import_path(tmp_path: Path) -> None:
    for name in ("logging", "json", "argparse", "socket", "queue", "importlib"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('shadowed')")
    done = subprocess.run(
        [*dubhe_command(), "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=clean_environ(),
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("value", ["", "  "])
def test_support_is_the_same_by_default(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DUBHE_COMMAND", value)
    assert support_command() == dubhe_command()


def test_support_may_be_another_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUBHE_COMMAND", " /opt/dubhe/bin/dubhe ")
    assert support_command() == ["/opt/dubhe/bin/dubhe"]
    assert dubhe_command()[0] == sys.executable
