"""`dubhe health` beside a real service, over both protocols."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from dubhe_sdk.process.command import dubhe_command
from tests.dubhe_sdk.service.harness import TRAIN_ID, App
from tests.support.waiting import wait_for

APP = """
import time
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        time.sleep(600)
"""


def health(app: App, *options: str) -> tuple[int, list[str]]:
    """Run it as HEALTHCHECK does: with the image's environment, which knows nothing of run.sh's."""
    env = {k: v for k, v in app.env.items() if k not in ("PORT", "protocol", "INSTANCE_ID")}
    done = subprocess.run(
        [*dubhe_command(), "health", *options], env=env, capture_output=True, text=True, timeout=20
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_a_service_that_is_online(tmp_path: Path, protocol: str) -> None:
    with App(tmp_path, APP, protocol=protocol) as app:
        app.start()
        status, lines = health(app)
        assert status == 0
        assert lines == [
            f"service online: {TRAIN_ID}, {protocol}, port {app.port}, ready",
            "sidecar running",
        ]
        app.train()
        status, lines = health(app)
        assert status == 0
        assert lines[0].endswith(", busy")


def test_ready_is_more_than_online(tmp_path: Path) -> None:
    constructing = APP.replace(
        "        pass\n",
        f"        while not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.05)\n",
    )
    with App(tmp_path, "import os\n" + constructing) as app:
        app.start(until=None)
        wait_for(lambda: health(app)[0] == 0, "online")
        status, lines = health(app, "--ready")
        assert status == 1
        assert lines[0] == "the service is online, but not ready for a request: starting"
        (tmp_path / "go").touch()
        wait_for(lambda: health(app, "--ready")[0] == 0, "ready")
        app.train()
        assert health(app, "--ready")[0] == 0


def test_nothing_runs(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        status, lines = health(app)
        assert status == 1
        assert lines == [
            "the service is not running: it has not started yet, or it has ended",
            "sidecar not running",
        ]


def test_a_service_that_does_not_answer(tmp_path: Path) -> None:
    with App(tmp_path, APP) as app:
        app.start()
        web = app.pid_of("web")
        os.kill(web, signal.SIGSTOP)
        status, lines = health(app)
        os.kill(web, signal.SIGCONT)
        assert status == 1
        assert lines[0] == f"port {app.port} does not answer over tcp: TimeoutError: timed out"


def test_what_became_of_the_sidecar(tmp_path: Path) -> None:
    with App(tmp_path, APP) as app:
        app.start()
        os.kill(app.pid_of("sidecar"), signal.SIGKILL)

        def told() -> str:
            status, lines = health(app)
            assert status == 0
            return lines[1] if "it has died" in lines[1] else ""

        line = wait_for(told, "the sidecar's death")
        assert "; it has died once, the last time " in line
        assert line.endswith(" s ago: it was killed by SIGKILL")
        done = subprocess.run(
            [*dubhe_command(), "status"], env=app.env, capture_output=True, text=True, timeout=20
        )
        assert "; it has died once, the last time " in done.stdout
        app.terminate()
        app.wait()


@pytest.mark.slow
def test_a_broker_that_is_away(tmp_path: Path) -> None:
    env = {"BOOTSTRAP_SERVERS": "127.0.0.1:9", "DUBHE_DRAIN_TIMEOUT_SECONDS": "0"}
    with App(tmp_path, APP, env=env) as app:
        app.start(until=None)
        line = wait_for(lambda: next(iter(health(app)[1][2:]), ""), "the cause")
        assert line.startswith("not delivering: ")
        assert "refused" in line
