"""Killed processes: the model, the service."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.dubhe_sdk.service.algorithms import app_with, failed
from tests.dubhe_sdk.service.harness import App
from tests.support.processes import alive

# A rank in a session of its own, as launchers of distributed trainings start them.
WITH_RANK = """
import os, subprocess, sys, time
from pathlib import Path
import dubhe_sdk

RANK = '''
import os, time
import dubhe_sdk
ctx = dubhe_sdk.current_context()
ctx.logProgressByEpoch(1, 0.5, {"loss": 0.5})
open("rank", "w").write(str(os.getpid()))
while True:
    time.sleep(0.01)
'''

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        Path("rank.py").write_text(RANK)
        subprocess.Popen(
            [sys.executable, "rank.py"], start_new_session=True, stdout=subprocess.DEVNULL
        )
        while not Path("rank").exists():
            time.sleep(0.01)
        ctx.logProgress(0.75)
        Path("training").write_text(str(os.getpid()))
        time.sleep(600)
"""


def test_a_model_killed_in_mid_training(tmp_path: Path) -> None:
    with App(tmp_path, WITH_RANK) as app:
        app.start()
        app.train()
        model = int(app.wait_file("training"))
        rank = int(app.wait_file("rank"))
        os.kill(model, signal.SIGKILL)
        assert app.wait() == 137
        assert app.reported == ["READY", "START", "progress", "progress", "END 300"]
        (end,) = app.ends()
        assert end["msg"].startswith(failed("the model process was killed by SIGKILL (")["msg"])
        assert not alive(rank)
        assert not app.marked.living()


def test_a_model_that_crashes(tmp_path: Path) -> None:
    with App(tmp_path, app_with(train="ctypes.string_at(0)")) as app:
        app.start()
        app.train()
        assert app.wait() == 128 + signal.SIGSEGV
        assert app.ends() == [failed("the model process was killed by SIGSEGV")]
        assert "Fatal Python error: Segmentation fault" in app.console


def test_a_service_killed_in_mid_training(tmp_path: Path) -> None:
    with App(tmp_path, WITH_RANK) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.wait_reported("progress", 2)
        os.kill(app.pid_of("serve"), signal.SIGKILL)
        assert app.wait() == 137
        assert app.reported == ["READY", "START", "progress", "progress", "END 300"]
        assert app.ends() == [failed("the service process was killed")]
        assert not app.marked.living()


def test_a_service_that_did_not_end_in_time(tmp_path: Path) -> None:
    with App(tmp_path, WITH_RANK) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.wait_reported("progress", 2)
        os.kill(app.pid_of("serve"), signal.SIGSTOP)
        app.terminate()
        assert app.wait() == 137
        cause = (
            "the service had not ended within the time of a shutdown "
            "(DUBHE_SHUTDOWN_TIMEOUT_SECONDS) and was killed"
        )
        assert app.ends() == [failed(cause)]
        assert "(DUBHE_SHUTDOWN_TIMEOUT_SECONDS is 9) and is killed" in app.console


def test_a_model_that_kills_itself_was_not_killed_by_another(tmp_path: Path) -> None:
    with App(tmp_path, app_with(train="os.kill(os.getpid(), signal.SIGKILL)")) as app:
        app.start()
        app.train()
        assert app.wait() == 137
        (end,) = app.ends()
        assert "was killed by SIGKILL (" in end["msg"]
        assert "sent by another process" not in end["msg"]
