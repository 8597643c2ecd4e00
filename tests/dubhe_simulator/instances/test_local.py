"""Instance and supervisor: whatever happens, nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.algorithm.layout import read_algorithm
from dubhe_simulator.instances import local as instance_module
from dubhe_simulator.instances.local import LocalInstance, free_port
from tests.dubhe_simulator.fake import processes_with, wait_until

# Leaves its session, its parent and its environment behind.
ESCAPE = "import os, time; os.fork() and os._exit(0); os.setsid(); time.sleep(1000)"
SLEEP = "import time; time.sleep(1000)"


@pytest.fixture
def mark() -> str:
    """A word that only this test's processes have on their command lines."""
    return f"mark-{uuid.uuid4().hex}"


def instance(tmp_path: Path, app: str, script: str = "python3 -u app.py\n") -> LocalInstance:
    folder = tmp_path / "algorithm"
    folder.mkdir()
    (folder / "app.py").write_text(app)
    (folder / "run.sh").write_text(script)
    environment = {"model_path": "m.pkl"}
    algorithm = read_algorithm(folder)
    return LocalInstance(algorithm, TaskKind.TRAIN, "a-b-train-1", tmp_path / "run", environment)


def python(code: str, mark: str) -> str:
    """Return, as source, the command line of an interpreter that can be found by its mark."""
    return f"[sys.executable, '-c', {code!r}, {mark!r}]"


def said(started: LocalInstance, word: str) -> bool:
    return started.console.exists() and word in started.console.read_text()


def test_it_gets_the_environment_of_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PLATFORM_TYPE", "BOOTSTRAP_SERVERS", "DUBHE_SPOOL_DIR", "DUBHE_PROCESS"):
        monkeypatch.setenv(name, "the caller's")
    app = "import os, sys; print(sys.executable); [print(*kv) for kv in os.environ.items()]"
    with instance(tmp_path, app) as started:
        wait_until(lambda: started.ended())
    lines = started.console.read_text().splitlines()
    assert Path(lines[0]).parent == Path(sys.executable).parent
    assert "INSTANCE_ID a-b-train-1" in lines
    assert f"PORT {started.port}" in lines
    assert f"DUBHE_TEMPORARY {tmp_path / 'run'}" in lines
    assert "model_path m.pkl" in lines
    assert not [line for line in lines if "the caller's" in line]


def test_many_that_are_started_at_once_get_ports_of_their_own() -> None:
    ports = [free_port() for _ in range(900)]
    assert len(set(ports)) == len(ports)


def test_it_tells_the_exit_status(tmp_path: Path) -> None:
    with instance(tmp_path, "import sys; sys.exit(3)") as started:
        wait_until(lambda: started.ended())
        exit_info = started.ended()
    assert exit_info is not None
    assert (exit_info.status, exit_info.killed, exit_info.stragglers) == (3, False, ())


@pytest.mark.parametrize("script", ["python3 -u app.py\n", "exec python3 -u app.py\n"])
def test_sigterm_reaches_the_algorithm_and_its_status_comes_back(
    tmp_path: Path, script: str
) -> None:
    app = (
        "import signal, sys, threading\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "print('up'); threading.Event().wait()"
    )
    with instance(tmp_path, app, script) as started:
        wait_until(lambda: said(started, "up"))
        exit_info = started.stop()
    assert (exit_info.status, exit_info.killed) == (5, False)


def test_a_death_by_signal_is_told_as_a_shell_does(tmp_path: Path) -> None:
    app = "import os; os.kill(os.getpid(), 9)"
    with instance(tmp_path, app) as started:
        wait_until(lambda: started.ended())
        exit_info = started.ended()
    assert exit_info is not None
    assert exit_info.status == 137


def test_one_that_ignores_sigterm_is_killed_after_the_grace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance_module, "GRACES_S", (0.3,))
    app = (
        "import signal, threading\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up'); threading.Event().wait()"
    )
    with instance(tmp_path, app) as started:
        wait_until(lambda: said(started, "up"))
        exit_info = started.stop()
    assert exit_info.killed
    assert exit_info.status == 137


def test_what_it_leaves_behind_is_ended_and_named(tmp_path: Path, mark: str) -> None:
    app = f"import subprocess, sys\nsubprocess.run({python(ESCAPE, mark)}, env={{}})"
    with instance(tmp_path, app) as started:
        wait_until(lambda: started.ended())
        exit_info = started.ended()
        assert not processes_with(mark)
    assert exit_info is not None
    assert exit_info.status == 0
    assert len(exit_info.stragglers) == 1 and "python" in exit_info.stragglers[0]


def test_leaving_the_block_ends_it_with_all_its_descendants(tmp_path: Path, mark: str) -> None:
    app = (
        "import subprocess, sys\n"
        f"subprocess.run({python(ESCAPE, mark)}, env={{}})\n"
        f"child = subprocess.Popen({python(SLEEP, mark)})\n"
        "print('up')\nchild.wait()"
    )
    with instance(tmp_path, app) as started:
        wait_until(lambda: said(started, "up") and len(processes_with(mark)) >= 2)
    assert not processes_with(mark)


def test_the_platforms_death_ends_everything(tmp_path: Path, mark: str) -> None:
    child = python(ESCAPE, mark)
    app = f"import subprocess, sys, threading\nsubprocess.run({child})\nthreading.Event().wait()"
    folder = tmp_path / "algorithm"
    folder.mkdir()
    (folder / "app.py").write_text(app)
    platform = (
        "import sys, time\nfrom pathlib import Path\n"
        "from dubhe_sdk.contract.kind import TaskKind\n"
        "from dubhe_simulator.algorithm.layout import read_algorithm\n"
        "from dubhe_simulator.instances.local import LocalInstance\n"
        f"a = read_algorithm(Path({str(folder)!r}))\n"
        f"run = Path({str(tmp_path / 'run')!r})\n"
        "i = LocalInstance(a, TaskKind.TRAIN, 'a-b-train-1', run, {})\n"
        "i.start(); time.sleep(1000)"
    )
    process = subprocess.Popen([sys.executable, "-c", platform])
    wait_until(lambda: processes_with(mark))
    assert processes_with(str(tmp_path / "run"))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not processes_with(mark) and not processes_with(str(tmp_path / "run")))


def test_a_command_that_does_not_exist_ends_at_once(tmp_path: Path) -> None:
    with instance(tmp_path, "", "no-such-command\n") as started:
        wait_until(lambda: started.ended())
        exit_info = started.ended()
    assert exit_info is not None
    assert exit_info.status == 127
    assert "no-such-command" in started.console.read_text()
