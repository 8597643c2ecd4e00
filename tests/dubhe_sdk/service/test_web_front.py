"""The web front dies, and starts again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.dubhe_sdk.service.algorithms import TRAINING
from tests.dubhe_sdk.service.harness import App


def test_a_killed_web_front_is_started_again_and_the_training_goes_on(tmp_path: Path) -> None:
    with App(tmp_path, TRAINING) as app:
        app.start()
        app.train()
        app.wait_file("training")
        before = app.pid_of("web")
        for pid in app.pids_of("web"):
            os.kill(pid, signal.SIGKILL)
        app.wait_dead(before)
        # The listening socket stays open meanwhile: nobody is refused, only kept waiting.
        assert app.send(0) == {"flag": 1, "message": "service online"}
        assert app.train()["flag"] == 1
        assert app.train(data_paths=["/other"])["flag"] == 2
        app.write("go on", "")
        app.wait_reported("END 200")
        assert app.reported == ["READY", "START", "progress", "progress", "END 200"]
