"""``dubhe launch -- COMMAND`` as it really runs, with the embedded journal as destination."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dubhe_sdk.cli.command import dubhe_command
from dubhe_sdk.process.state_file import read_states
from dubhe_sidecar.status import is_running
from tests.dubhe_sdk.service.harness import INFERENCE_ID, App
from tests.support.processes import alive
from tests.support.waiting import wait_for

PYTHON = shlex.quote(sys.executable)

# Says so many messages; then waits for SIGTERM and says one more.
SPEAKER = """
import os, signal, sys, time
import dubhe_sdk

ctx = dubhe_sdk.Context()
for number in range(int(sys.argv[1])):
    ctx.logProgress(number / int(sys.argv[1]))
if len(sys.argv) > 2:
    def last_words(signum, stack):
        time.sleep(0.1)
        ctx.logProgress(1)
        os._exit(7)
    signal.signal(signal.SIGTERM, last_words)
    open("speaking", "w").write(str(os.getpid()))
    while True:
        time.sleep(600)
"""


def launch(app: App, *command: str, **env: str) -> App:
    """Start ``dubhe launch -- COMMAND`` in the app's folder."""
    app.env.update(env)
    app.write("speaker.py", SPEAKER)
    return app.start([*dubhe_command(), "launch", "--", *command], until=None)


def progress(app: App) -> list[float]:
    """Return what was delivered."""
    return [data["progress"] for data in app.data]


# --- exit status --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("exit 0", 0),
        ("exit 3", 3),
        ("exit 255", 255),
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
        ("kill -SEGV $$", 139),
    ],
)
def test_the_commands_exit_status(tmp_path: Path, command: str, status: int) -> None:
    with App(tmp_path) as app:
        launch(app, "bash", "-c", command)
        assert app.wait() == status
        assert not app.marked.living()


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        launch(app, "no-such-command")
        assert app.wait() == 127
        assert "dubhe launch: no-such-command: No such file or directory\n" in app.console
        assert not app.marked.living()


def test_a_command_without_rights(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        app.write("run.sh", "#!/bin/bash\n")
        launch(app, "./run.sh")
        assert app.wait() == 127
        assert "dubhe launch: ./run.sh: Permission denied\n" in app.console


def test_arguments_reach_the_command_as_they_are(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        launch(app, "printf", "%s|", "-h", "--", "a b", "文", "")
        assert app.wait() == 0
        assert app.console == "-h|--|a b|文||"


def test_the_command_is_not_told_kafkas_secrets(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        launch(
            app, "env", KAFKA_SASL_PASSWORD="hunter2", KAFKA_SSL_KEY_PASSWORD="hunter3", OTHER="x"
        )
        assert app.wait() == 0
        assert "OTHER=x" in app.console
        assert "hunter" not in app.console


@pytest.mark.parametrize("arguments", [[], ["--"]])
def test_no_command(tmp_path: Path, arguments: list[str]) -> None:
    with App(tmp_path) as app:
        app.start([*dubhe_command(), "launch", *arguments], until=None)
        assert app.wait() == 2
        assert "no COMMAND given: write it after --" in app.console


@pytest.mark.parametrize(
    ("env", "words"),
    [
        (
            {"DUBHE_SHUTDOWN_TIMEOUT_SECONDS": "soon"},
            "DUBHE_SHUTDOWN_TIMEOUT_SECONDS is 'soon', expected seconds",
        ),
        (
            {"DUBHE_DRAIN_TIMEOUT_SECONDS": "-1"},
            "DUBHE_DRAIN_TIMEOUT_SECONDS is '-1', expected seconds",
        ),
        ({"BOOTSTRAP_SERVERS": "kafka"}, "BOOTSTRAP_SERVERS contains 'kafka', expected host:port"),
    ],
)
def test_a_malformed_environment(tmp_path: Path, env: dict[str, str], words: str) -> None:
    with App(tmp_path) as app:
        launch(app, "touch", "started", **env)
        assert app.wait() == 2
        assert words in app.console
        assert len(app.console.splitlines()) == 1
        assert not (tmp_path / "started").exists()


def test_a_spool_that_cannot_be_written(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        app.write("file", "")
        launch(app, "touch", "started", DUBHE_SPOOL_DIR=str(tmp_path / "file" / "spool"))
        assert app.wait() == 2
        assert app.console == (
            f"dubhe launch: the spool directory {tmp_path}/file/spool cannot be written: Not a "
            "directory. Mount a writable volume there, or name another directory by "
            "DUBHE_SPOOL_DIR\n"
        )
        assert not (tmp_path / "started").exists()


# --- delivery -----------------------------------------------------------------------------------


def test_everything_said_is_delivered_before_the_end(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        launch(app, sys.executable, "speaker.py", "5000")
        assert app.wait() == 0
        assert progress(app) == [number / 5000 for number in range(5000)]


def test_a_killed_sidecar_is_started_again_and_everything_arrives_once(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        script = f"for i in 1 2 3; do {PYTHON} speaker.py 3000; done; touch over"
        launch(app, "bash", "-c", script)
        for _ in range(3):
            # At any instruction, in its start too; the next one comes after a moment.
            pid = app.pid_of("sidecar")
            os.kill(pid, signal.SIGKILL)
            app.wait_dead(pid)
        assert app.wait() == 0
        assert app.console.count("it starts again in") == 3
        assert progress(app) == [number / 3000 for number in range(3000)] * 3
        assert list((app.temporary / "spool").glob("*.seg")) == []


def test_messages_of_an_earlier_container_are_delivered_too(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        app.write("speaker.py", SPEAKER)
        subprocess.run([sys.executable, "speaker.py", "5"], cwd=tmp_path, env=app.env, check=True)
        launch(app, "true")
        assert app.wait() == 0
        assert progress(app) == [0.0, 0.2, 0.4, 0.6, 0.8]


def test_brokers_that_cannot_be_reached_cost_the_drains_deadline(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        began = time.monotonic()
        launch(
            app, sys.executable, "speaker.py", "10",
            BOOTSTRAP_SERVERS="127.0.0.1:1", DUBHE_DRAIN_TIMEOUT_SECONDS="1",
        )  # fmt: skip
        assert app.wait() == 0
        assert 1 < time.monotonic() - began < 10
        assert "not everything could be delivered in time; the rest stays in the spool" in (
            app.console
        )
        assert not app.marked.living()
        # It is all still there, and is delivered once somebody can.
        del app.env["BOOTSTRAP_SERVERS"]
        launch(app, "true", DUBHE_DRAIN_TIMEOUT_SECONDS="20")
        assert app.wait() == 0
        assert len(app.messages) == 10


# --- signals ------------------------------------------------------------------------------------


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
        app.wait_said("READY")
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == 143
        assert app.said == ["READY", "START", "progress", "END 300"]
        assert not app.marked.living()


def test_a_command_that_ignores_the_signal_is_killed_within_the_grace(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        script = f"trap '' TERM; {PYTHON} speaker.py 3; touch ready; while :; do sleep 1; done"
        launch(app, "bash", "-c", script, DUBHE_SHUTDOWN_TIMEOUT_SECONDS="3")
        wait_for((tmp_path / "ready").exists, "the command")
        began = time.monotonic()
        app.terminate()
        assert app.wait() == 137
        assert time.monotonic() - began < 6
        assert len(progress(app)) == 3
        assert not app.marked.living()


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
            app.wait_said("READY")
            os.write(controller, b"\x03")
            assert app.wait() == 0
            assert not app.marked.living()
            assert app.said == ["READY"]
        finally:
            os.close(controller)


def test_a_killed_launch_leaves_nothing_running_and_nothing_unsaid(tmp_path: Path) -> None:
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
        app.wait_said("READY")
        app.train()
        app.wait_file("training")
        os.kill(app.pid, signal.SIGKILL)
        app.wait()
        app.wait_gone()
        assert app.said == ["READY", "START", "progress", "END 300"]
        assert app.ends()[0]["msg"].endswith("the task was stopped by SIGTERM before its end")


def test_a_killed_launch_with_a_command_that_knows_nothing_of_it(tmp_path: Path) -> None:
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


def test_the_sidecar_survives_what_the_command_does_to_its_output(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        reading, writing = os.pipe()
        app.write("speaker.py", SPEAKER)
        app.process = subprocess.Popen(
            [*dubhe_command(), "launch", "--", sys.executable, "speaker.py", "100"],
            cwd=tmp_path,
            env=app.env,
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=writing,
        )
        os.close(writing)
        os.close(reading)  # nobody reads the console any more
        assert app.wait() == 0
        assert len(app.messages) == 100


# --- a sidecar that keeps dying -------------------------------------------------------------------


def test_a_sidecar_that_keeps_dying_does_not_end_the_command(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        launch(app, "bash", "-c", f"{PYTHON} speaker.py 3; until [ -e enough ]; do sleep 0.1; done")
        for death in range(1, 4):
            os.kill(app.pid_of("sidecar"), signal.SIGKILL)

            def told(death: int = death) -> bool:
                launches = read_states(app.temporary / "spool", "launch")
                return bool(launches) and launches[0]["sidecar"]["deaths"] == death

            wait_for(told, f"death {death}")
        (facts,) = read_states(app.temporary / "spool", "launch")
        assert facts["sidecar"]["last_end"] == "was killed by SIGKILL"
        app.write("enough", "")
        assert app.wait() == 0
        assert progress(app) == [0.0, 1 / 3, 2 / 3]
        assert read_states(app.temporary / "spool", "launch") == []


def test_an_environment_that_only_a_later_sidecar_refuses(tmp_path: Path) -> None:
    # What the first one has accepted cannot be wrong: a secret's file has vanished, say.
    password = tmp_path / "password"
    password.write_text("secret")
    with App(tmp_path) as app:
        launch(
            app,
            *("bash", "-c", "until [ -e enough ]; do sleep 0.1; done; exit 3"),
            BOOTSTRAP_SERVERS="127.0.0.1:9",
            KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT",
            KAFKA_SASL_USERNAME="user",
            KAFKA_SASL_PASSWORD_FILE=str(password),
            DUBHE_DRAIN_TIMEOUT_SECONDS="0",
        )
        first = app.pid_of("sidecar")
        wait_for(lambda: is_running(app.temporary / "spool"), "the first sidecar")
        password.unlink()
        os.kill(first, signal.SIGKILL)
        wait_for(
            lambda: "exited with status 2; it starts again" in app.console, lambda: app.console
        )
        password.write_text("secret")
        wait_for(lambda: is_running(app.temporary / "spool"), "another sidecar")
        app.write("enough", "")
        assert app.wait() == 3
