"""The web front dies, and starts again."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from dubhe_sdk.ipc.channel import Channel
from dubhe_sdk.service import web_front
from dubhe_sdk.service.children import Child
from dubhe_sdk.service.loop import Loop
from dubhe_sdk.service.web_front import WebFront
from tests.dubhe_sdk.service.algorithms import TRAINING
from tests.dubhe_sdk.service.harness import App
from tests.support.no_forks import NoForks
from tests.support.waiting import wait_for


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


def test_one_that_cannot_be_started_again_is_one_that_died(tmp_path: Path) -> None:
    forks = NoForks(tmp_path)
    with App(tmp_path, TRAINING, env=forks.env) as app:
        app.start()
        app.train()
        app.wait_file("training")
        with forks.forbidden():
            os.kill(app.pid_of("web"), signal.SIGKILL)
            wait_for(lambda: app.log.count("the web front cannot be started") >= 2, lambda: app.log)
        assert app.send(0) == {"flag": 1, "message": "service online"}
        app.write("go on", "")
        app.wait_reported("END 200")


def test_one_that_hangs_before_it_serves_is_killed_and_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(web_front, "KEEPALIVE_INTERVAL_SECONDS", 0.001)
    loop = Loop()
    started: list[Child] = []
    deaths: list[str] = []

    def start() -> Child:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(["sleep", "600"], pass_fds=[theirs.fileno()])
        started.append(Child(process, Channel(ours)))
        return started[-1]

    def on_death(how: str) -> None:
        deaths.append(how)
        front.restart_later(how)

    front = WebFront(loop, logging.getLogger("test"), start, lambda message: None, on_death)
    front.start()
    front.watch()
    try:
        while len(started) < 3:
            loop.turn()
            front.check()
    finally:
        for child in started:
            child.process.kill()
            child.process.wait()
    assert deaths == ["the web front was killed by SIGKILL"] * 2
    assert caplog.text.count("does not begin to serve and is killed") == 2
