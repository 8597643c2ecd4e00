from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.process.command import dubhe_command, support_command, support_environ
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


def test_support_may_be_another_environments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = program(tmp_path / "dubhe")
    monkeypatch.setenv("DUBHE_COMMAND", f" {other} ")
    assert support_command() == [str(other)]
    assert dubhe_command()[0] == sys.executable


def test_a_command_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path / "dubhe-of-ours")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DUBHE_COMMAND", "dubhe-of-ours")
    assert support_command() == ["dubhe-of-ours"]


@pytest.mark.parametrize("name", ["dubhe", "no-such-command"])
def test_a_command_that_cannot_be_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "dubhe").write_text("may not be executed")
    monkeypatch.setenv("DUBHE_COMMAND", str(tmp_path / name))
    with pytest.raises(EnvironmentInvalid, match="is not a program that can be run"):
        support_command()


def test_another_environment_does_not_look_for_packages_where_the_algorithm_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/algorithm/vendored")
    assert support_environ()["PYTHONPATH"] == "/algorithm/vendored"
    monkeypatch.setenv("DUBHE_COMMAND", str(program(tmp_path / "dubhe")))
    assert "PYTHONPATH" not in support_environ()


def program(path: Path) -> Path:
    """Write a program that does nothing."""
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path
