from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from dubhe_sdk.service.watchdog import Watchdog
from tests.dubhe_sdk.service.harness import TRAIN_ID, App
from tests.support.waiting import wait_for

TRAINING = """
import time
from pathlib import Path
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        while not Path("go on").exists():
            time.sleep(0.01)
"""


def test_silence_is_counted_in_checks_and_a_message_ends_it() -> None:
    watchdog = Watchdog()
    assert [watchdog.is_stuck(serving=True) for _ in range(7)] == [False] * 6 + [True]
    watchdog.reset()
    assert not watchdog.is_stuck(serving=True)


def test_the_start_may_take_longer_but_not_for_ever() -> None:
    watchdog = Watchdog()
    assert [watchdog.is_stuck(serving=False) for _ in range(25)] == [False] * 24 + [True]


@pytest.mark.slow
def test_a_stuck_web_front_is_started_again_and_the_training_goes_on(tmp_path: Path) -> None:
    with App(tmp_path, TRAINING, TRAIN_ID, "http") as app:
        app.start()
        assert app.train()["flag"] == 1
        web = app.pid_of("web")
        os.kill(web, signal.SIGSTOP)
        wait_for(lambda: set(app.pids_of("web")) - {web}, lambda: app.log, timeout=90)
        assert "the web front is stuck and is killed" in app.log
        app.wait_dead(web)
        assert app.send(0) == {"flag": 1, "message": "service online"}
        app.write("go on", "")
        app.wait_reported("END 200")
        assert app.reported == ["READY", "START", "END 200"]
