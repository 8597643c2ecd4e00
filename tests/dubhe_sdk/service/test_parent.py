"""The service end to end, as ``python3 -u app.py`` in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.cli.command import dubhe_command
from dubhe_sdk.environment import DEFAULT_TOPIC_RESULT, DEFAULT_TOPIC_STATUS
from tests.dubhe_sdk.service.harness import INFERENCE_ID, PREDICT_ID, TRAIN_ID, App
from tests.support.processes import alive
from tests.support.waiting import wait_for

PROTOCOLS = ["tcp", "http"]

OTHER_ID = "modelid1-algorithm2-train-3"

# Waits for files, so that a test decides what happens when.
TRAINING = """
import os, time
from pathlib import Path
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        Path("constructed").write_text(str(os.getpid()))

    @dubhe_sdk.train()
    def train(self, ctx):
        ctx.logProgressByEpoch(1, 0.5, {"loss": 0.5})
        Path("training").write_text(str(os.getpid()))
        while not Path("go on").exists():
            time.sleep(0.01)
        ctx.logProgress(1)
"""


# --- a task from READY to END -------------------------------------------------------------------

REPORTING = """
import dubhe_sdk
from dubhe_sdk import ContextKey

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        assert ctx.json_request == {}

    @dubhe_sdk.train()
    def train(self, ctx):
        assert ctx.get(ContextKey.KEY_DATA_PATHS) == ["/data/文"]
        assert ctx.get(ContextKey.KEY_SPLIT_RATE) == 0.1
        self.report(ctx)

    @dubhe_sdk.predict()
    def predict(self, ctx):
        self.report(ctx)

    def report(self, ctx):
        ctx.logProgress(0.125)
        for batch in range(2):
            ctx.logProgressByBatch(0, batch, 2, 0.25, {"loss": 0.5})
        ctx.logProgressByEpoch(0, 0.5, {"loss": 0.25, "accuracy": 1})
        ctx.logResultDetails("a.png", "A", "B", 0.5)
        ctx.logResultDetails("b.png", "A", "B", -1, "rectangle", [(1, 2, 3, 4, 0.5)])
        ctx.logResult({"own": True})
"""

REPORTED: list[Any] = [
    {"progress": 0.125},
    {"loss": 0.5, "progress": 0.25, "epoch": 0},
    {"loss": 0.5, "progress": 0.25, "epoch": 0},
    {"loss": 0.25, "accuracy": 1, "progress": 0.5, "epoch": 0},
    [{"img_path": "a.png", "info": [{"ground_true": "A", "predict_code": "B", "conf": 0.5}]}],
    [
        {
            "img_path": "b.png",
            "bbox_cnt": 1,
            "info": [
                {
                    "ground_true": "A",
                    "predict_code": "B",
                    "conf": 0.5,
                    "shape_type": "rectangle",
                    "position": [[1, 2], [3, 4]],
                    "special": None,
                }
            ],
        }
    ],
    {"own": True},
]


def task_messages(kind: str) -> list[Any]:
    """Return ``data`` of all messages of a task, in order."""
    return [
        {"action": "START", "status": 200, "msg": f"model {kind} starting"},
        *REPORTED,
        {"action": "END", "status": 200, "msg": f"model {kind} end"},
    ]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("kind", "instance_id"), [("train", TRAIN_ID), ("predict", PREDICT_ID)])
def test_ready_start_progress_results_end(
    tmp_path: Path, protocol: str, kind: str, instance_id: str
) -> None:
    with App(tmp_path, REPORTING, instance_id, protocol) as app:
        app.start()
        assert app.send(0) == {"flag": 1, "message": "service online"}
        ask = app.train if kind == "train" else app.predict
        accepted = {"flag": 1, "message": f"model {kind} starting now"}
        assert ask(data_paths=["/data/文"]) == accepted
        app.wait_said("END 200")
        # The same request once the task is over is a new task.
        assert ask(data_paths=["/data/文"]) == accepted
        app.wait_said("END 200", 2)
        # dubhe.log tells the same, and every line once.
        lines = ("START 200", "progress 0.25 epoch 0 batch 1/2 loss=0.5", "END 200")
        wait_for(lambda: all(app.log.count(line) == 2 for line in lines), lambda: app.log)
        app.terminate()
        assert app.wait() == 0
        assert all(app.log.count(line) == 2 for line in lines)
        ready = {"action": "READY", "status": 200, "msg": "model is ready"}
        assert app.data == [ready, *task_messages(kind) * 2]
        values = [message["value"] for message in app.messages]
        keys = {"instance_id", "request_number", "date", "mes_type", "data"}
        assert all(set(value) == keys for value in values)
        assert {value["instance_id"] for value in values} == {instance_id}
        types = [1, 2, 2, 2, 2, 3, 3, 3, 1]
        assert [value["mes_type"] for value in values] == [0, *types * 2]
        numbers = [value["request_number"] for value in values]
        assert len(set(numbers)) == len(numbers)
        assert all(0 < number < 2**63 for number in numbers)
        assert all(abs(value["date"] / 1000 - time.time()) < 60 for value in values)
        topics = {3: DEFAULT_TOPIC_RESULT}
        assert [message["topic"] for message in app.messages] == [
            topics.get(value["mes_type"], DEFAULT_TOPIC_STATUS) for value in values
        ]
        app.wait_gone()


# --- the job slot -------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_task_at_a_time(tmp_path: Path, protocol: str) -> None:
    with App(tmp_path, TRAINING, protocol=protocol) as app:
        app.start()
        accepted = {"flag": 1, "message": "model train starting now"}
        assert app.train() == accepted
        app.wait_file("training")
        assert app.train() == accepted  # the same again starts nothing
        busy = {
            "flag": 2,
            "message": "service is busy: another task is running in this instance",
        }
        assert app.train(data_paths=["/other"]) == busy
        other_kind = app.predict()
        assert other_kind["flag"] == 2
        assert (
            "req_type 2 (predict) does not fit this instance, which is for train"
            in (other_kind["message"])
        )
        assert app.infer()["flag"] == 2
        assert app.send(1)["message"] == "param error: field data_paths is missing"
        assert app.send(0) == {"flag": 1, "message": "service online"}
        app.write("go on", "")
        app.wait_said("END 200")
        assert app.said == ["READY", "START", "progress", "progress", "END 200"]


def test_many_starts_at_once_start_one(tmp_path: Path) -> None:
    with App(tmp_path, TRAINING) as app:
        app.start()
        replies: list[dict[str, Any]] = []
        threads = [
            threading.Thread(target=lambda n=n: replies.append(app.train(data_paths=[str(n)])))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(reply["flag"] for reply in replies) == [1, *[2] * 7]
        app.write("go on", "")
        app.wait_said("END 200")
        assert app.said.count("START") == 1


def test_while_the_model_loads(tmp_path: Path) -> None:
    slow = TRAINING.replace(
        "def __init__(self, ctx):",
        'def __init__(self, ctx):\n        Path("loading").write_text("1")\n'
        '        while not Path("loaded").exists(): time.sleep(0.01)',
    )
    with App(tmp_path, slow, protocol="http") as app:
        app.start(until=None)
        app.wait_file("loading")
        heart = wait_for(lambda: _try(lambda: app.send(0)), "the heartbeat")
        assert heart == {"flag": 1, "message": "service online"}
        refusal = {"flag": 2, "message": "model is not ready: it is still starting"}
        assert app.train() == refusal
        assert app.said == []
        app.write("loaded", "")
        app.wait_said("READY")
        assert app.train()["flag"] == 1


def _try(call: Any) -> Any:
    with contextlib.suppress(OSError):
        return call()
    return None


# --- what goes wrong ----------------------------------------------------------------------------


def failed(what: str, instance_id: str = TRAIN_ID) -> dict[str, Any]:
    """Return ``data`` of the END after a failure."""
    return {"action": "END", "status": 300, "msg": f"{instance_id} current model error {what}"}


def app_with(constructor: str = "pass", train: str = "pass", top: str = "") -> str:
    """Return an app of a few lines."""
    return f"""
import ctypes, os, signal, subprocess, sys, time
from pathlib import Path
import dubhe_sdk
{top}

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        {constructor}

    @dubhe_sdk.train()
    def train(self, ctx):
        {train}
"""


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
        (app_with().replace("train()", "predict()"), "AppInvalid: the instance is of kind train"),
    ],
    ids=["constructor", "syntax", "top", "exit", "_exit", "killed", "no class", "other kind"],
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
        if ": " in what:
            assert "Traceback (most recent call last)" in app.log
            assert what.partition(":")[0] in app.log
        app.wait_gone()


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
        app.wait_said("END")
        app.train()
        app.wait_said("END", 2)
        assert app.ends() == [failed("ValueError: no images in /data")] * 2
        assert app.said == ["READY", *["START", "progress", "END 300"] * 2]
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
        app.wait_said("END")
        assert app.ends() == [end or {"action": "END", "status": 200, "msg": "model train end"}]
        assert app.send(0)["flag"] == 1


# --- killed processes ---------------------------------------------------------------------------

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
        assert app.said == ["READY", "START", "progress", "progress", "END 300"]
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
        app.wait_said("progress", 2)
        os.kill(app.pid_of("serve"), signal.SIGKILL)
        assert app.wait() == 137
        assert app.said == ["READY", "START", "progress", "progress", "END 300"]
        assert app.ends() == [failed("the service process was killed")]
        assert not app.marked.living()


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
        app.wait_said("END 200")
        assert app.said == ["READY", "START", "progress", "progress", "END 200"]


# --- SIGTERM ------------------------------------------------------------------------------------

STOPPED = failed("the task was stopped by SIGTERM before its end")

STUBBORN_WORK = """
        class Saved(Exception): pass
        try:
            while True:
                try:
                    ctx.logProgress(0.5)
                    Path("training").write_text("1")
                    time.sleep(0.01)
                except Exception:
                    Path("swallowed").write_text("1")
        except BaseException as error:
            Path("checkpoint").write_text(type(error).__name__)
            ctx.logProgress(0.625)
            raise
        finally:
            Path("finally").write_text("1")
            ctx.logResult("last words")
"""


def test_sigterm_in_a_training(tmp_path: Path) -> None:
    with App(tmp_path, app_with(train=STUBBORN_WORK)) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == 143
        assert app.wait_file("checkpoint") == "TaskStopped"
        assert not (tmp_path / "swallowed").exists()
        assert (tmp_path / "finally").exists()
        assert app.said[-2:] == ["result", "END 300"]
        assert app.data[-3:] == [{"progress": 0.625}, "last words", STOPPED]
        assert len(app.ends()) == 1
        assert not app.marked.living()


@pytest.mark.parametrize("end", ["return", "raise ValueError(1)", "pass"])
def test_a_training_that_swallows_the_stop_is_over_all_the_same(tmp_path: Path, end: str) -> None:
    train = f"""
        try:
            Path("training").write_text("1")
            time.sleep(600)
        except BaseException:
            {end}
        finally:
            Path("finally").write_text("1")
"""
    with App(tmp_path, app_with(train=train)) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == 143
        assert app.ends() == [STOPPED]


@pytest.mark.parametrize(
    "deaf",
    [
        """
        Path("training").write_text("1")
        while True:
            try:
                time.sleep(600)
            except BaseException:
                ctx.logProgress(0.5)
        """,
        """
        Path("training").write_text("1")
        ctypes.PyDLL(None).sleep(600)
        """,
    ],
    ids=["swallows", "holds the interpreter"],
)
def test_a_training_that_does_not_stop_is_killed_in_time(tmp_path: Path, deaf: str) -> None:
    with App(tmp_path, app_with(train=deaf), env={"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "0.5"}) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        assert app.wait() == 143
        assert app.said[-1] == "END 300"
        assert app.ends() == [STOPPED]
        assert not app.marked.living()


def test_sigterm_twice_kills_at_once(tmp_path: Path) -> None:
    swallow = """
        Path("training").write_text("1")
        while True:
            try:
                time.sleep(600)
            except BaseException:
                Path("told").write_text("1")
    """
    with App(
        tmp_path, app_with(train=swallow), env={"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "600"}
    ) as app:
        app.env["DUBHE_SHUTDOWN_TIMEOUT_SECONDS"] = "600"
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        app.wait_file("told")
        app.terminate()
        assert app.wait() == 143
        assert app.ends() == [STOPPED]


def test_a_task_that_ends_well_while_the_service_stops(tmp_path: Path) -> None:
    # A frame of the spool is being written when the signal comes: the task itself ends first.
    train = """
        Path("training").write_text("1")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while not Path("go on").exists(): time.sleep(0.01)
        ctx.logProgress(1)
    """
    with App(tmp_path, app_with(train=train), env={"DUBHE_TASK_STOP_TIMEOUT_SECONDS": "2"}) as app:
        app.start()
        app.train()
        app.wait_file("training")
        app.terminate()
        wait_for(lambda: "SIGTERM: the service ends" in app.log, lambda: app.log)
        reply = app.train(data_paths=["/other"])
        assert reply == {"flag": 2, "message": "service is stopping and takes no new requests"}
        assert app.send(0)["flag"] == 1
        app.write("go on", "")
        app.wait()
        assert app.said == ["READY", "START", "progress", "END 200"]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("instance_id", [TRAIN_ID, INFERENCE_ID])
def test_a_signal_while_idle(tmp_path: Path, signum: signal.Signals, instance_id: str) -> None:
    source = app_with() + "\n    @dubhe_sdk.inference()\n    def infer(self, ctx): return []\n"
    with App(tmp_path, source, instance_id) as app:
        app.start()
        os.kill(app.pid, signum)
        assert app.wait() == 0
        assert app.said == ["READY"]
        assert not app.marked.living()


def test_a_signal_while_the_model_loads(tmp_path: Path) -> None:
    source = app_with(constructor='Path("loading").write_text("1"); time.sleep(600)')
    with App(tmp_path, source) as app:
        app.start(until=None)
        app.wait_file("loading")
        app.terminate()
        assert app.wait() == 0
        assert app.said == []


# --- the heartbeat ------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_heartbeat_while_the_algorithm_holds_the_interpreter(
    tmp_path: Path, protocol: str
) -> None:
    hold = """
        Path("training").write_text("1")
        ctypes.PyDLL(None).usleep(1_500_000)
        Path("released").write_text("1")
    """
    with App(tmp_path, app_with(train=hold), protocol=protocol) as app:
        app.start()
        client = app.client()
        heartbeat = {"req_type": 0, "instance_id": TRAIN_ID}
        client.send(heartbeat)
        app.train()
        app.wait_file("training")
        answered = 0
        while not (app.folder / "released").exists():
            assert client.send(heartbeat) == {"flag": 1, "message": "service online"}
            answered += 1
        assert answered > 10  # one, if it waited for the lock
        app.wait_said("END 200")


# --- the port and the folder --------------------------------------------------------------------


def test_a_port_in_use(tmp_path: Path) -> None:
    with App(tmp_path, app_with()) as app, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("0.0.0.0", app.port))
        other.listen()
        app.start(until=None)
        assert app.wait() == 1
        assert app.console.splitlines()[-1] == (
            f"dubhe serve: port {app.port} cannot be listened on: another process is listening "
            "there: stop it, or name another port by PORT"
        )
        assert "Traceback" not in app.console
        assert app.said == []
        assert not app.marked.living()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_modules_of_the_folder_named_like_pythons_own(tmp_path: Path, protocol: str) -> None:
    with App(tmp_path, REPORTING, protocol=protocol, env={"special_params": "{}"}) as app:
        for name in (
            "queue", "logging", "json", "socket", "selectors", "subprocess", "tempfile",
            "argparse", "dataclasses", "pathlib", "enum", "typing", "signal", "http", "gevent",
            "shutil", "secrets", "ctypes", "orjson", "traceback", "linecache", "struct", "heapq",
        ):  # fmt: skip
            app.write(f"{name}.py", f"raise ImportError('the folder has a {name}.py of its own')")
        app.start()
        app.train(data_paths=["/data/文"])
        app.wait_said("END")
        app.terminate()
        assert app.wait() == 0
        assert app.said[-1] == "END 200"


def test_a_module_of_the_folder_is_found_by_the_app(tmp_path: Path) -> None:
    top = "import helper; assert helper.VALUE == 5; assert sys.path[0] == os.getcwd()"
    with App(tmp_path, app_with(top=top)) as app:
        app.write("helper.py", "VALUE = 5")
        app.start()
        app.train()
        app.wait_said("END 200")


def test_classes_imported_from_other_modules_one_per_kind(tmp_path: Path) -> None:
    module = """
        from pathlib import Path
        import dubhe_sdk

        @dubhe_sdk.pipeline()
        class {name}:
            def __init__(self, ctx):
                Path("constructed").open("a").write("{name} ")

            @dubhe_sdk.{kind}()
            def run(self, ctx):
                return ["{name}"]
    """
    for kind, instance_id in (("predict", PREDICT_ID), ("inference", INFERENCE_ID)):
        with App(tmp_path / kind, instance_id=instance_id) as app:
            app.write("app.py", "import dubhe_sdk\nfrom models import a, b, c\n")
            (app.folder / "models").mkdir()
            for file, name, its in (
                ("a", "Trains", "train"),
                ("b", "Predicts", "predict"),
                ("c", "Infers", "inference"),
            ):
                app.write(f"models/{file}.py", module.format(name=name, kind=its))
            app.start()
            if kind == "predict":
                app.predict()
                app.wait_said("END 200")
            else:
                assert app.infer()["data"] == ["Infers"]
            expected = "Predicts " if kind == "predict" else "Infers "
            assert (app.folder / "constructed").read_text() == expected


def test_one_class_with_several_methods_in_manual_mode(tmp_path: Path) -> None:
    with App(tmp_path / "my-app", REPORTING, instance_id="") as app:
        app.start()
        assert app.train(data_paths=["/data/文"])["flag"] == 1
        app.wait_said("END 200")
        assert {m["value"]["instance_id"] for m in app.messages} == {"manual-my_app-train-1"}


@pytest.mark.parametrize(("platform", "accepted"), [("1", False), ("0", True)])
def test_a_request_for_another_instance(tmp_path: Path, platform: str, accepted: bool) -> None:
    # Brokers are required in platform mode; nobody is there, and nothing here waits for them.
    env = {
        "PLATFORM_TYPE": platform,
        "BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "TOPIC_MODEL_STATUS": "status",
        "TOPIC_MODEL_RESULT": "result",
    }
    with App(tmp_path, TRAINING, env=env) as app:
        app.start(until=None)
        wait_for(lambda: "READY 200" in app.log, lambda: app.console)
        reply = app.train(instance_id=OTHER_ID)
        if accepted:
            assert reply["flag"] == 1
        else:
            assert reply == {
                "flag": 2,
                "message": f"param error: instance_id [{OTHER_ID}] of request different from "
                f"ENV INSTANCE_ID [{TRAIN_ID}]!",
            }
            assert app.train()["flag"] == 1
        app.wait_file("training")


# --- what only a module named __main__ can do ---------------------------------------------------

NET = """
import multiprocessing, os, pickle
import dubhe_sdk
from dubhe_sdk import ContextKey

class Net:
    def __init__(self, weight):
        self.weight = weight

def work(net, sender):
    assert type(net) is Net
    ctx = dubhe_sdk.current_context()
    ctx.logProgressByEpoch(1, 0.5, {"weight": net.weight})
    sender.send(Net(net.weight + 1))

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        path = ctx.get(ContextKey.ENV_MODEL_PATH)
        self.net = pickle.load(open(path, "rb")) if path else None

    @dubhe_sdk.train()
    def train(self, ctx):
        net = Net(5)
        for method in ("spawn", "fork"):
            processes = multiprocessing.get_context(method)
            receiver, sender = processes.Pipe(duplex=False)
            process = processes.Process(target=work, args=(net, sender))
            process.start()
            net = receiver.recv()
            process.join()
        with open("model.bin", "wb") as file:
            pickle.dump(net, file)

    @dubhe_sdk.inference()
    def infer(self, ctx):
        assert type(self.net) is Net
        return [self.net.weight]

if __name__ == "__main__":
    open("run as main", "a").write("x")
"""


def test_classes_of_the_app_in_spawned_processes_and_pickles(tmp_path: Path) -> None:
    with App(tmp_path / "train", NET) as app:
        app.start()
        app.train()
        app.wait_said("END")
        assert app.data[1:] == [
            {"action": "START", "status": 200, "msg": "model train starting"},
            {"weight": 5, "progress": 0.5, "epoch": 1},
            {"weight": 6, "progress": 0.5, "epoch": 1},
            {"action": "END", "status": 200, "msg": "model train end"},
        ]
        path = app.folder / "model.bin"
        assert b"__main__" in path.read_bytes()
        assert (app.folder / "run as main").read_text() == "x"
    env = {"model_path": str(path)}
    with App(tmp_path / "inference", NET, INFERENCE_ID, env=env) as other:
        other.start()
        assert other.infer()["data"] == [7]


def test_arguments_reach_the_app(tmp_path: Path) -> None:
    top = 'assert sys.argv[1:] == ["--flag", "--", "-x", "文"], sys.argv'
    top += '; assert os.path.samefile(sys.argv[0], "app.py"); assert __name__ == "__main__"'
    with App(tmp_path, app_with(top=top)) as app:
        app.start([sys.executable, "-u", "app.py", "--flag", "--", "-x", "文"])


def test_a_large_request_reaches_the_task(tmp_path: Path) -> None:
    train = 'ctx.logResult([len(ctx.get("data_paths")), ctx.get("big")])'
    with App(tmp_path, app_with(train=train)) as app:
        app.start()
        assert app.train(data_paths=["x" * 100] * 50_000, big=10**40)["flag"] == 1
        app.wait_said("END 200")
        assert app.data[2] == [50_000, 10**40]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_deeply_nested_request_harms_nothing(tmp_path: Path, protocol: str) -> None:
    with App(tmp_path, app_with(), protocol=protocol) as app:
        app.start()
        head = json.dumps({"req_type": 1, "instance_id": TRAIN_ID, "data_paths": []})[:-1]
        ends = 0
        for depth in (100, 800, 900, 940, 950, 960, 970, 980, 990, 1000, 100_000):
            body = f'{head}, "deep": {"[" * depth}{"]" * depth}}}'.encode()
            reply = app.client().send_bytes(body, "/train/start")
            assert reply["flag"] == (1 if depth == 100 else reply["flag"]), reply
            if reply["flag"] == 1:
                ends += 1
                app.wait_said("END", ends)
        assert reply["flag"] == 2
        assert app.train()["flag"] == 1
        app.wait_said("END 200", ends + 1)
