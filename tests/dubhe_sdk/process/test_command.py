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


OPTIONS = [
    ["-O"],
    ["-OO", "-B"],
    ["-s", "-X", "utf8"],
    ["-E"],
    ["-I", "-X", "dev"],
    ["-W", "ignore", "-W", "error::BytesWarning", "-bb"],
]
SHOW = """
import json, sys
names = ("optimize", "dont_write_bytecode", "no_user_site", "ignore_environment", "isolated",
         "utf8_mode", "dev_mode", "bytes_warning")
flags = {name: getattr(sys.flags, name) for name in names}
print(json.dumps([flags, sorted(set(sys.warnoptions))]))
"""


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_options_of_the_interpreter_are_passed_on(tmp_path: Path, options: list[str]) -> None:
    root = Path(sys.modules["dubhe_sdk"].__file__ or "").parents[1]
    chain = f"""
import sys, os, subprocess
sys.path.insert(0, {str(root)!r})
from dubhe_sdk.process.command import algorithm_command
command = algorithm_command()
os.execv(command[0], [*command[:-1], "-c", {SHOW!r}])
"""
    env = clean_environ(PYTHONDONTWRITEBYTECODE="1", PYTHONWARNINGS="once", LC_ALL="C")
    run = {"env": env, "cwd": tmp_path, "capture_output": True, "text": True, "check": True}
    plain = subprocess.run([sys.executable, *options, "-c", SHOW], **run)  # type: ignore[call-overload]
    passed = subprocess.run([sys.executable, *options, "-c", chain], **run)  # type: ignore[call-overload]
    assert passed.stdout == plain.stdout


def test_what_a_variable_does_is_inherited_and_not_repeated(tmp_path: Path) -> None:
    code = (
        "import dubhe_sdk.process.command as c; print(c.algorithm_command() == c.dubhe_command())"
    )
    env = clean_environ(PYTHONDONTWRITEBYTECODE="1", PYTHONWARNINGS="ignore", PYTHONOPTIMIZE="1")
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == "True\n", done.stderr
