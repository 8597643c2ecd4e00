"""Children that the algorithm forks leave neither the task nor a request in the SDK's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dubhe_sdk.service.algorithms import PROTOCOLS
from tests.dubhe_sdk.service.harness import INFERENCE_ID, App
from tests.support.waiting import wait_for

WAYS = {
    "exit": "sys.exit(0)",
    "exit with a text": "sys.exit('the helper gives up')",
    "return": "return",
    "raise": "raise OSError('the download of the helper failed')",
}

TRAIN = """
import os, sys, time
from pathlib import Path
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.train()
    def train(self, ctx):
        ctx.logProgress(0.25)
        child = os.fork()
        if child == 0:
            {way}
        _, status = os.waitpid(child, 0)
        Path("status").write_text(str(os.waitstatus_to_exitcode(status)))
        for step in range(3):
            ctx.logProgress(0.5 + step / 8)
        ctx.logProgress(1)
"""

INFER = """
import os, sys
from pathlib import Path
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        self.forked = False

    @dubhe_sdk.inference()
    def infer(self, ctx):
        if not self.forked:
            self.forked = True
            child = os.fork()
            if child == 0:
                {way}
            os.waitpid(child, 0)
        return ["result of " + ctx.get("image_names")[0]]
"""

EARLY = """
import os, sys
import dubhe_sdk
{top}

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        {constructor}

    @dubhe_sdk.train()
    def train(self, ctx):
        ctx.logProgress(1)
"""


@pytest.mark.parametrize("way", WAYS)
def test_a_child_that_leaves_a_training_says_nothing_in_its_name(tmp_path: Path, way: str) -> None:
    with App(tmp_path, TRAIN.format(way=WAYS[way])) as app:
        app.start()
        app.train()
        app.wait_reported("END")
        assert app.wait_file("status") == ("0" if way in ("exit", "return") else "1")
        # The slot was not free in between, and there is one model process.
        assert len(app.pids_of("model")) == 1
        app.train()
        app.wait_reported("END", 2)
        assert app.reported == ["READY", *["START", *["progress"] * 5, "END 200"] * 2]
        assert ("the download of the helper failed" in app.log) == (way == "raise")


@pytest.mark.parametrize("concurrency", ["1", "2"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("way", WAYS)
def test_every_client_gets_its_own_reply_after_a_fork(
    tmp_path: Path, protocol: str, way: str, concurrency: str
) -> None:
    env = {"DUBHE_INFERENCE_CONCURRENCY": concurrency}
    with App(tmp_path, INFER.format(way=WAYS[way]), INFERENCE_ID, protocol, env) as app:
        app.start()
        for number in range(6):
            reply = app.infer(image_names=[f"{number}.png"])
            assert reply["data"] == [f"result of {number}.png"], reply
        assert len(app.pids_of("model")) == 1


@pytest.mark.parametrize("way", ["sys.exit(0)", "raise OSError('the helper failed')"])
@pytest.mark.parametrize("place", ["top", "constructor"])
def test_a_child_of_the_start_does_not_end_the_service(
    tmp_path: Path, place: str, way: str
) -> None:
    line = f"if os.fork() == 0: {way}"
    source = EARLY.format(**{"top": "", "constructor": "pass", place: line})
    with App(tmp_path, source) as app:
        app.start()
        app.train()
        app.wait_reported("END")
        assert app.reported == ["READY", "START", "progress", "END 200"]


def test_a_child_that_lives_on_does_not_hide_the_death_of_its_parent(tmp_path: Path) -> None:
    source = INFER.format(way="time.sleep(600)").replace("import os, sys", "import os, sys, time")
    source = source.replace(
        "os.waitpid(child, 0)", "Path('child').write_text(str(child)); os._exit(3)"
    )
    with App(tmp_path, source, INFERENCE_ID) as app:
        app.start()
        reply = app.infer(image_names=["1.png"])
        assert reply["flag"] == 2
        assert "died" in reply["message"]
        child = int(app.wait_file("child"))
        app.wait_dead(child)
        wait_for(lambda: app.send(0)["flag"] == 1, lambda: app.console)
