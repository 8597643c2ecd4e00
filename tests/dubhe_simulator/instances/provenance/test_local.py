"""With what an instance of this machine runs: of a real one, started by its run.sh."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dubhe_simulator.algorithm.layout import read_algorithm
from dubhe_simulator.instances.provenance.commands import Commands
from dubhe_simulator.instances.provenance.local import local_provenance
from tests.support.waiting import wait_for

RUN = f"export BATCH=32 HF_TOKEN=abc\n{sys.executable} -u app.py\n"


def test_code_interpreter_and_environment(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text(RUN)
    (tmp_path / "app.py").write_text("print('up', flush=True)\ninput()\n")
    algorithm = read_algorithm(tmp_path)
    given = {"PATH": "/usr/bin:/bin", "HOME": "/home/li"}
    command = ["bash", "-c", f"{' '.join(algorithm.command)}; true"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=tmp_path, env=given, **pipes)  # type: ignore[call-overload]
    try:
        assert process.stdout.readline() == b"up\n"
        found = wait_for(lambda: local_provenance(algorithm, process.pid, given, Commands()), "it")
    finally:
        process.communicate(b"\n")
    assert found.command.endswith("bash run.sh")
    assert found.folder == str(tmp_path)
    assert found.python is not None
    assert found.python.executable == sys.executable
    assert "pytest" in found.python.packages
    assert found.environment["BATCH"] == "32"
    assert "abc" not in str(found)
    assert "HOME" not in found.environment
    assert (found.git, found.problems) == (None, ())


def test_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    with subprocess.Popen(["sleep", "60"]) as process:
        found = local_provenance(read_algorithm(tmp_path), process.pid, {"LANG": "C"}, Commands())
        process.kill()
    assert found.python is None
    assert found.problems == ("python: no process of it runs Python",)
    assert found.environment == {"LANG": "C"}
