"""The sidecar as a supervised process: killed, dying again and again, misconfigured."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from dubhe_sdk.process.command import dubhe_command
from dubhe_sdk.process.state_file import read_states
from dubhe_sidecar.status import is_running
from tests.dubhe_sdk.launch.support import PYTHON, SPEAKER, launch, progress
from tests.dubhe_sdk.service.harness import App
from tests.support.no_forks import NoForks
from tests.support.waiting import wait_for


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


def test_a_sidecar_that_cannot_be_started_is_one_that_died(tmp_path: Path) -> None:
    forks = NoForks(tmp_path)
    with App(tmp_path) as app:
        script = f"{PYTHON} speaker.py 3; until [ -e enough ]; do sleep 0.1; done"
        launch(app, "bash", "-c", script, **forks.env)
        wait_for(lambda: len(progress(app)) == 3, "what the command reports")
        before = app.pid_of("sidecar")
        with forks.forbidden():
            os.kill(before, signal.SIGKILL)
            wait_for(
                lambda: app.console.count("the sidecar cannot be started") >= 2, lambda: app.console
            )
            (state,) = read_states(app.temporary / "spool", "launch")
            assert "cannot be started" in state["sidecar"]["last_end"]
        app.pid_of("sidecar")
        app.write("enough", "")
        assert app.wait() == 0
        assert len(progress(app)) == 3


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
