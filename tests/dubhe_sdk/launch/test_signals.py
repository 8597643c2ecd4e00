"""Signals, Ctrl-C and SIGKILL: nothing is left running."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dubhe_sdk.launch.support import PYTHON, launch, progress
from tests.dubhe_sdk.service.harness import INFERENCE_ID, App
from tests.support.processes import alive
from tests.support.waiting import wait_for


def test_sigterm_and_a_shell_that_does_not_exec(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        app.write("run.sh", f"export A=1\n{PYTHON} speaker.py 3 wait\necho never\n")
        launch(app, "bash", "run.sh")
        app.wait_file("speaking")
        app.terminate()
        # The shell is killed by the signal; what it had started says its last words all the same.
        assert app.wait() == 143
        assert progress(app) == [0.0, 1 / 3, 2 / 3, 1.0]
        assert "never" not in app.console
        assert not app.marked.living()


@pytest.mark.parametrize("wrapped", [False, True], ids=["app.py", "run.sh"])
def test_sigterm_and_a_service_below_a_shell(tmp_path: Path, wrapped: bool) -> None:
    source = """
        import time
        from pathlib import Path
        import dubhe_sdk

        @dubhe_sdk.pipeline()
        class Model:
            def __init__(self, ctx): pass

            @dubhe_sdk.train()
            def train(self, ctx):
                try:
                    Path("training").write_text("1")
                    time.sleep(600)
                finally:
                    ctx.logProgress(0.875)
    """
    with App(tmp_path, source) as app:
        app.write("run.sh", f"export protocol=http\n{PYTHON} -u app.py\n")
        app.protocol = "http"
        if wrapped:
            launch(app, "bash", "run.sh")
        else:
            app.env["protocol"] = "http"
            app.start(until=None)
        app.wait_reported("READY")
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == 143
        assert app.reported == ["READY", "START", "progress", "END 300"]
        assert not app.marked.living()


def test_a_command_that_ignores_the_signal_is_killed_within_the_grace(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        script = f"trap '' TERM; {PYTHON} speaker.py 3; touch ready; while :; do sleep 1; done"
        launch(app, "bash", "-c", script, DUBHE_SHUTDOWN_TIMEOUT_SECONDS="3")
        wait_for((tmp_path / "ready").exists, "the command")
        app.terminate()
        assert app.wait() == 137
        assert len(progress(app)) == 3
        assert not app.marked.living()


SAVES = """
    import os, sys, time
    from pathlib import Path
    import dubhe_sdk

    @dubhe_sdk.pipeline()
    class Model:
        def __init__(self, ctx): pass

        @dubhe_sdk.train()
        def train(self, ctx):
            print("training", flush=True)
            Path("training").write_text("1")
            try:
                while not Path("go on").exists(): time.sleep(0.01)
            except dubhe_sdk.TaskStopped:
                print("saving", flush=True)
                time.sleep(0.3)
                Path("saved").write_text("1")
                os.write(1, b"x" * 60000)
                print("\\nsaved", flush=True)
                raise
"""
PIPED = {
    "tee": "{app} 2>&1 | tee train.log",
    "no exec": "{app} > train.log 2>&1; touch never",
    "a shell in a pipeline": "( {app}; touch never ) 2>&1 | tee train.log",
    "a shell below": "bash inner.sh 2>&1 | tee train.log; touch never",
    # What is slow to take its output still gets all of it.
    "slow": "{app} 2>&1 | (trap '' TERM; sleep 0.4; exec cat) > train.log",
    "waits": "trap 'kept=1' TERM; {app} 2>&1 | tee train.log & wait; wait; touch trapped",
}


@pytest.mark.parametrize("way", PIPED)
def test_what_takes_the_output_outlives_the_service(tmp_path: Path, way: str) -> None:
    with App(tmp_path, SAVES) as app:
        command = f"{PYTHON} -u app.py"
        app.write("run.sh", PIPED[way].format(app=command) + "\n")
        app.write("inner.sh", f"{command}\ntouch never\n")
        launch(app, "bash", "run.sh")
        app.wait_reported("READY")
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == (0 if way == "waits" else 143)
        assert app.reported == ["READY", "START", "END 300"]
        assert (tmp_path / "saved").exists()
        lines = (tmp_path / "train.log").read_text().splitlines()
        assert [line for line in lines if line in ("training", "saving", "saved")] == [
            "training",
            "saving",
            "saved",
        ]
        assert not (tmp_path / "never").exists()
        assert (tmp_path / "trapped").exists() == (way == "waits")
        assert not app.marked.living()


def test_what_is_left_beside_the_service_gets_the_signal_when_it_has_gone(tmp_path: Path) -> None:
    script = (
        "(trap 'ls saved > told; exit' TERM; touch beside; while :; do sleep 0.02; done) &\n"
        f"{PYTHON} -u app.py\n"
    )
    with App(tmp_path, SAVES) as app:
        app.write("run.sh", script)
        launch(app, "bash", "run.sh")
        app.wait_reported("READY")
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == 143
        assert app.wait_file("told") == "saved\n"


def test_a_signal_for_other_purposes_ends_no_shell_above_a_service(tmp_path: Path) -> None:
    with App(tmp_path, SAVES) as app:
        app.write("run.sh", f"{PYTHON} -u app.py 2>&1 | tee train.log; touch after\n")
        launch(app, "bash", "run.sh")
        app.wait_reported("READY")
        app.train()
        app.wait_file("training")
        os.kill(app.pid, signal.SIGUSR1)
        wait_for(lambda: "has no effect on the service" in app.log, lambda: app.log)
        app.write("go on", "")
        app.wait_reported("END 200")
        assert app.pids_of("serve")
        os.kill(app.pid_of("serve"), signal.SIGTERM)
        assert app.wait() == 0
        assert (tmp_path / "after").exists()
        assert "has no effect on the service" in (tmp_path / "train.log").read_text()


@pytest.mark.parametrize("seconds", ["1.5", "2.5"])
def test_a_short_limit_gives_the_task_its_share(tmp_path: Path, seconds: str) -> None:
    source = SAVES.replace("time.sleep(0.3)", "time.sleep(0.01)")
    with App(tmp_path, source, env={"DUBHE_SHUTDOWN_TIMEOUT_SECONDS": seconds}) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == 143
        assert (tmp_path / "saved").exists()


def test_a_limit_that_run_sh_sets_alone_must_fit_the_container_s(tmp_path: Path) -> None:
    with App(tmp_path, SAVES) as app:
        app.write("run.sh", f"export DUBHE_TASK_STOP_TIMEOUT_SECONDS=60\n{PYTHON} -u app.py\n")
        launch(app, "bash", "run.sh")
        assert app.wait() == 2
        assert "DUBHE_TASK_STOP_TIMEOUT_SECONDS is 60, but the whole shutdown has 9 s" in (
            app.console
        )


@pytest.mark.parametrize("signum", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP])
def test_signals_are_passed_on(tmp_path: Path, signum: signal.Signals) -> None:
    with App(tmp_path) as app:
        name = signum.name[3:]
        script = f"trap 'exit 9' {name}; touch ready; while :; do sleep 0.02; done"
        launch(app, "bash", "-c", script)
        wait_for((tmp_path / "ready").exists, "the command")
        os.kill(app.pid, signum)
        assert app.wait() == 9


def test_what_moved_away_is_ended(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        script = (
            "setsid sleep 600 & echo $! > first; "
            "setsid bash -c 'sleep 600 & echo $! > second; wait' & "
            "while [ ! -s second ]; do sleep 0.01; done; exit 3"
        )
        launch(app, "bash", "-c", script)
        assert app.wait() == 3
        assert not alive(int(app.wait_file("first")))
        assert not alive(int(app.wait_file("second")))
        assert "processes that were left behind" in app.console
        assert not app.marked.living()


def test_a_group_that_outlives_its_leader_is_waited_for(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        launch(app, "bash", "-c", f"(sleep 0.3; {PYTHON} speaker.py 3; touch over) & exit 4")
        assert app.wait() == 4
        assert (tmp_path / "over").exists()
        assert len(progress(app)) == 3


INFERS = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx): pass

    @dubhe_sdk.inference()
    def infer(self, ctx): return []
"""


def test_ctrl_c_in_a_terminal_leaves_nothing_running(tmp_path: Path) -> None:
    with App(tmp_path, INFERS, INFERENCE_ID) as app:
        controller, terminal = pty.openpty()

        def run() -> None:
            os.setsid()
            os.close(os.open(os.ttyname(0), os.O_RDWR))  # becomes the controlling terminal

        app.process = subprocess.Popen(
            [sys.executable, "-u", "app.py"],
            cwd=tmp_path,
            env=app.env,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            preexec_fn=run,
        )
        os.close(terminal)
        try:
            app.wait_reported("READY")
            os.write(controller, b"\x03")
            assert app.wait() == 0
            assert not app.marked.living()
            assert app.reported == ["READY"]
        finally:
            os.close(controller)


def test_a_killed_launch_leaves_nothing_running_and_nothing_unreported(tmp_path: Path) -> None:
    source = """
        import time
        from pathlib import Path
        import dubhe_sdk

        @dubhe_sdk.pipeline()
        class Model:
            def __init__(self, ctx): pass

            @dubhe_sdk.train()
            def train(self, ctx):
                try:
                    Path("training").write_text("1")
                    time.sleep(600)
                finally:
                    ctx.logProgress(0.875)
    """
    with App(tmp_path, source) as app:
        app.write("run.sh", f"{PYTHON} -u app.py\n")
        launch(app, "bash", "run.sh")
        app.wait_reported("READY")
        app.train()
        app.wait_file("training")
        os.kill(app.pid, signal.SIGKILL)
        app.wait()
        app.wait_gone()
        assert app.reported == ["READY", "START", "progress", "END 300"]
        cause = "the task was stopped by the death of the container parent before its end"
        assert app.ends()[0]["msg"].endswith(cause)


def test_a_killed_launch_with_a_command_that_does_not_use_the_sdk(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        launch(app, sys.executable, "speaker.py", "5", "wait")
        speaker = int(app.wait_file("speaking"))
        os.kill(app.pid, signal.SIGKILL)
        app.wait()

        # It may still have something to say, so the sidecar stays as long as it lives.
        sidecar = app.pid_of("sidecar")
        wait_for(lambda: len(app.messages) == 5, lambda: str(app.messages))
        os.kill(speaker, signal.SIGTERM)
        app.wait_dead(sidecar)
        assert len(progress(app)) == 6
        assert not app.marked.living()
