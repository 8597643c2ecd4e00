"""``./run.sh`` of the project, without a network: what it says, and that it leaves nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.dubhe_simulator.fake import processes_with, wait_until

pytestmark = pytest.mark.smoke

ROOT = Path(__file__).parents[2]
PYTHONS = ("python3", "python3.13", "python3.12", "python3.11", "python3.10", "python")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Just enough of the project, in a folder whose name has a blank."""
    root = tmp_path / "my project"
    (root / "examples" / "digits").mkdir(parents=True)
    for name in ("run.sh", "pyproject.toml", "examples/digits/requirements.txt"):
        shutil.copy(ROOT / name, root / name)
    return root


def run(
    project: Path, pythons: str, lang: str = "C.UTF-8", arguments: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Start run.sh where every Python is the given shell script."""
    fakes = project / "fakes"
    fakes.mkdir()
    for name in PYTHONS:
        (fakes / name).write_text(f"#!/bin/sh\n{pythons}\n")
        (fakes / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{fakes}:{os.environ['PATH']}", "LC_ALL": lang}
    env.pop("PYTHON", None)
    command = ["bash", str(project / "run.sh"), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True)


def test_without_a_recent_python(project: Path) -> None:
    process = run(project, "exit 1")
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "Python 3.10 or newer is needed" in said


def test_in_chinese(project: Path) -> None:
    _, said = run(project, "exit 1", "zh_CN.UTF-8").communicate(timeout=20)
    assert "需要 Python 3.10" in said


def test_without_the_venv_module(project: Path) -> None:
    process = run(project, 'case "$*" in *ensurepip*) exit 1 ;; -*-*) echo hash ;; esac')
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "apt-get install python3-venv" in said


def test_a_step_that_fails_shows_what_it_said(project: Path) -> None:
    process = run(project, 'case "$*" in *--clear*) echo disk is full; exit 3 ;; esac')
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "disk is full" in said
    assert "run-venv.log" in said


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_preparing(project: Path, signum: signal.Signals, status: int) -> None:
    process = run(project, 'case "$*" in *--clear*) sleep 1000 & sleep 1000 ;; esac')
    # The fake stands for pip, which starts processes of its own.
    wait_until(lambda: len(processes_with(str(project / "fakes"))) >= 4)
    process.send_signal(signum)
    _, said = process.communicate(timeout=20)
    assert process.returncode == status
    assert "Interrupted" in said
    wait_until(lambda: not processes_with(str(project / "fakes")))


def test_help() -> None:
    done = subprocess.run(
        [str(ROOT / "run.sh"), "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "usage: dubhe ui" in done.stdout
    assert "usage: dubhe play" in done.stdout
    assert "--no-ui" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["--port", "0"], "ui {example} --runs-dir {root}/runs --port 0"),
        (["--no-ui", "--images", "3"], "play {example} --runs-dir {root}/runs --images 3"),
    ],
)
def test_which_command_it_becomes(project: Path, arguments: list[str], command: str) -> None:
    """With an environment whose ``dubhe`` only tells what it was asked to do."""
    venv = project / ".cache" / "run-venv"
    (venv / "bin").mkdir(parents=True)
    for name, script in (("dubhe", 'echo "$*"'), ("python", ":")):
        (venv / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (venv / "bin" / name).chmod(0o755)
    (venv / ".made-from").write_text("hash\n")
    process = run(project, 'case "$1" in -) echo hash ;; esac', arguments=arguments)
    told, _ = process.communicate(timeout=20)
    example = project / "examples" / "digits"
    assert told.strip() == command.format(example=example, root=project)


SCRIPTS = [
    *("run.sh", "tests/run.sh", "tests/docker/engine", ".ci/run"),
    *(
        f"image/{name}"
        for name in ("apt-install", "audit", "dubhe", "ensure-python", "install-wheels")
    ),
    *(f"image/{name}" for name in ("lock", "publish", "run.sh", "slim", "start")),
]


@pytest.mark.needs("shellcheck")
@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck(script: str) -> None:
    subprocess.run(["shellcheck", str(ROOT / script)], check=True)
