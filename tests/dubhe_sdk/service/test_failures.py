"""Algorithms that fail: in the constructor, in a task, by leaving the process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.compat import refusal
from dubhe_sdk.process.command import dubhe_command
from tests.dubhe_sdk.service.algorithms import app_with, failed
from tests.dubhe_sdk.service.harness import App


@pytest.mark.parametrize(
    ("source", "what"),
    [
        (app_with(constructor='raise KeyError("no weights")'), "KeyError: 'no weights'"),
        (app_with(top="import broken"), "SyntaxError: "),
        (app_with(top='raise RuntimeError("top")'), "RuntimeError: top"),
        (app_with(constructor="sys.exit(0)"), "SystemExit: 0"),
        (app_with(constructor="os._exit(0)"), "the model process exited with status 0"),
        (
            app_with(constructor="os.kill(os.getpid(), 9)"),
            "the model process was killed by SIGKILL (",
        ),
        ("import dubhe_sdk", "AppInvalid: the app has no class marked"),
        (
            app_with() + app_with().replace("Model", "Second"),
            "AppInvalid: 2 methods are marked @dubhe_sdk.train(): ",
        ),
        (
            app_with().replace("@dubhe_sdk.train()", ""),
            "AppInvalid: the instance is of kind train, but no pipeline class has a method",
        ),
        (
            app_with().replace("__init__", "_init"),
            "AppInvalid: the class Model has no __init__(self, ctx); expected one",
        ),
        (
            app_with().replace("__init__(self, ctx)", "__init__(self)"),
            "AppInvalid: Model cannot be called with ctx alone (too many positional arguments); "
            "expected `def __init__(self, ctx)`",
        ),
        (
            app_with().replace("def train(self, ctx)", "def train(self, ctx, epochs)"),
            "AppInvalid: Model.train cannot be called with ctx alone (missing a required argument: "
            "'epochs'); expected `def train(self, ctx)`",
        ),
        (
            app_with().replace("def train", "async def train"),
            "AppInvalid: @dubhe_sdk.train() marks Model.train, an async method",
        ),
        (
            app_with().replace("train()", "predict()"),
            "KindUnsupported: the instance is of kind train",
        ),
    ],
)
def test_a_model_that_cannot_be_made(tmp_path: Path, source: str, what: str) -> None:
    with App(tmp_path, source) as app:
        app.write("broken.py", "def oops(:\n")
        app.start(until=None)
        status = app.wait()
        assert status == (137 if "SIGKILL" in what else 1)
        assert len(app.data) == 1
        assert app.data[0]["msg"].startswith(failed(what)["msg"])
        assert app.data[0] | {"msg": ""} == failed(what) | {"msg": ""}
        assert what.partition(":")[0] in app.log
        assert "dubhe_sdk/model" not in app.log
        app.wait_gone()


def test_a_name_of_2x_that_means_nothing_here(tmp_path: Path) -> None:
    source = app_with(
        top="from dubhe_sdk.param import Parameters\nfrom dubhe_sdk import tcp_server"
    )
    with App(tmp_path, source) as app:
        app.start(until="END")
        assert app.wait() == 1
        (end,) = app.ends()
        assert end["msg"].endswith(f"ImportError: {refusal('dubhe_sdk.param')}")
        for line, name in ((5, "dubhe_sdk.param"), (6, "dubhe_sdk.tcp_server")):
            found = f" dubhe check: {tmp_path}/app.py:{line}: {refusal(name)}\n"
            assert app.log.count(found) == 1, app.log


def test_names_of_2x_that_work(tmp_path: Path) -> None:
    top = "from dubhe_sdk.config import INSTANCE_ID\nfrom dubhe_sdk.service import Logger"
    body = "ctx.local_logger.info(INSTANCE_ID); Logger().info(self.kept.key_map['algorithm_id'])"
    with App(tmp_path, app_with(top=top, constructor="self.kept = ctx", train=body)) as app:
        app.start()
        app.train(algorithm_id="algorithm-1")
        app.wait_reported("END 200")
        for text in (app.instance_id, "algorithm-1"):
            assert sum(line.endswith(f" {text}") for line in app.log.splitlines()) == 1
            assert sum(line.endswith(f" {text}") for line in app.console.splitlines()) == 1


def test_a_syntax_error_in_the_app_itself(tmp_path: Path) -> None:
    # Python refuses to run the file, so nothing of ours runs; unless it is named to `serve`.
    with App(tmp_path, "import dubhe_sdk\ndef oops(:\n") as app:
        app.start([*dubhe_command(), "serve", "app.py"], until=None)
        assert app.wait() == 1
        (end,) = app.ends()
        assert end["msg"].startswith(failed("SyntaxError: ")["msg"])
        assert "app.py, line 2" in end["msg"]


def test_a_task_that_raises_ends_and_the_service_stays(tmp_path: Path) -> None:
    train = 'ctx.logProgress(0.5); raise ValueError("no images in /data")'
    with App(tmp_path, app_with(train=train)) as app:
        app.start()
        app.train()
        app.wait_reported("END")
        app.train()
        app.wait_reported("END", 2)
        assert app.ends() == [failed("ValueError: no images in /data")] * 2
        assert app.reported == ["READY", *["START", "progress", "END 300"] * 2]
        assert app.log.count("Traceback (most recent call last)") == 2
        assert app.log.count("\nValueError: no images in /data\n") == 2
        app.terminate()
        assert app.wait() == 0


@pytest.mark.parametrize(
    ("train", "end"),
    [
        ("sys.exit(0)", None),
        ("sys.exit()", None),
        ("sys.exit(3)", failed("SystemExit: 3")),
        ('sys.exit("out of disk")', failed("SystemExit: out of disk")),
        ("raise KeyboardInterrupt", failed("KeyboardInterrupt: ")),
    ],
)
def test_a_task_that_exits(tmp_path: Path, train: str, end: dict[str, Any] | None) -> None:
    with App(tmp_path, app_with(train=train)) as app:
        app.start()
        app.train()
        app.wait_reported("END")
        assert app.ends() == [end or {"action": "END", "status": 200, "msg": "model train end"}]
        assert app.send(0)["flag"] == 1
