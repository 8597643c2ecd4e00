"""Tasks: READY to END, one at a time, and which requests start one."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.environment import DEFAULT_TOPIC_RESULT, DEFAULT_TOPIC_STATUS
from tests.dubhe_sdk.service.algorithms import PROTOCOLS, REPORTING, TRAINING, app_with
from tests.dubhe_sdk.service.harness import PREDICT_ID, TRAIN_ID, App
from tests.kafka.broker import Broker
from tests.support.waiting import wait_for

OTHER_ID = "modelid1-algorithm2-train-3"


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


@pytest.mark.smoke
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
        app.wait_reported("END 200")
        # The same request once the task is over is a new task.
        assert ask(data_paths=["/data/文"]) == accepted
        app.wait_reported("END 200", 2)
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
        assert "field data_paths is 7, expected a list" in app.train(data_paths=7)["message"]
        assert app.send(0) == {"flag": 1, "message": "service online"}
        app.write("go on", "")
        app.wait_reported("END 200")
        assert app.reported == ["READY", "START", "progress", "progress", "END 200"]


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
        app.wait_reported("END 200")
        assert app.reported.count("START") == 1


SLOW = TRAINING.replace(
    "def __init__(self, ctx):",
    'def __init__(self, ctx):\n        Path("loading").write_text("1")\n'
    '        while not Path("loaded").exists(): time.sleep(0.01)\n'
    '        if Path("loaded").read_text() == "fail": raise ValueError("no weights")',
)


def start_and_hold(app: App) -> None:
    """Start it, and send a training while the class is constructed."""
    app.start(until=None)
    app.wait_file("loading")
    heart = wait_for(lambda: _try(lambda: app.send(0)), "the heartbeat")
    assert heart == {"flag": 1, "message": "service online"}
    accepted = {"flag": 1, "message": "model train starting now"}
    assert app.train() == accepted
    assert app.train() == accepted  # the same again
    assert "service is busy" in app.train(data_paths=["/other"])["message"]
    assert app.reported == []


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_a_start_while_the_class_is_constructed_is_held(tmp_path: Path, protocol: str) -> None:
    with App(tmp_path, SLOW, protocol=protocol) as app:
        start_and_hold(app)
        assert "does not fit this instance" in app.predict()["message"]
        app.write("go on", "")
        app.write("loaded", "")
        app.wait_reported("END 200")
        assert app.reported == ["READY", "START", "progress", "progress", "END 200"]


def test_a_held_start_of_a_class_that_cannot_be_constructed(tmp_path: Path) -> None:
    with App(tmp_path, SLOW) as app:
        start_and_hold(app)
        app.write("loaded", "fail")
        assert app.wait() == 1
        assert app.reported == ["END 300"]
        assert "no weights" in app.ends()[0]["msg"]


def test_a_held_start_of_a_service_that_is_stopped(tmp_path: Path) -> None:
    with App(tmp_path, SLOW) as app:
        start_and_hold(app)
        app.terminate()
        assert app.wait() == 143
        assert app.reported == ["END 300"]


def test_a_held_start_for_another_kind_by_hand(tmp_path: Path) -> None:
    slow = TRAINING + "\nwhile not Path('on').exists(): time.sleep(0.01)\n"
    with App(tmp_path, slow, instance_id="") as app:
        app.start(until=None)
        wait_for(lambda: _try(lambda: app.send(0)), "the heartbeat")
        assert app.predict()["flag"] == 1
        app.write("on", "")
        app.wait_reported("END 300")
        assert app.reported == ["READY", "END 300"]
        assert "the request was for predict, but the app serves train" in app.ends()[0]["msg"]


GPUS = """
import os
from pathlib import Path
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx): pass

    @dubhe_sdk.train()
    def train(self, ctx):
        ctx.logResult(os.environ.get("CUDA_VISIBLE_DEVICES"))
"""


def test_the_gpus_of_a_request_are_those_of_its_method(tmp_path: Path) -> None:
    with App(tmp_path, GPUS) as app:
        app.start()
        for number, given in enumerate(({"CUDA_VISIBLE_DEVICES": "2,3"}, {}, None), 1):
            app.train(resource_allocation=given, number=number)
            app.wait_reported("END", number)
        results = [one["value"]["data"] for one in app.messages if one["value"]["mes_type"] == 3]
        assert results == ["2,3", None, None]


def test_the_platform_gives_one_gpu(tmp_path: Path, kafka: Broker, topic: str) -> None:
    env = {
        "PLATFORM_TYPE": "1",
        "BOOTSTRAP_SERVERS": kafka.plain_bootstrap,
        "TOPIC_MODEL_STATUS": topic,
        "TOPIC_MODEL_RESULT": topic,
    }
    source = GPUS.replace("ctx.logResult(", 'Path("gpus").write_text(')
    with App(tmp_path, source, env=env) as app:
        app.start(until=None)
        wait_for(lambda: "READY 200" in app.log, lambda: app.console)
        assert app.train()["flag"] == 1
        assert app.wait_file("gpus") == "0"


def _try(call: Any) -> Any:
    with contextlib.suppress(OSError):
        return call()
    return None


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


@pytest.mark.parametrize("protocol", ["http", "tcp"])
@pytest.mark.parametrize("brokers", ["", "127.0.0.1:1"])
def test_the_line_of_ready_says_where_it_serves_and_where_messages_go(
    tmp_path: Path, protocol: str, brokers: str
) -> None:
    env = {"BOOTSTRAP_SERVERS": brokers, "DUBHE_DRAIN_TIMEOUT_SECONDS": "0"}
    with App(tmp_path, TRAINING, protocol=protocol, env=env) as app:
        app.start(until=None)
        goal = f"the embedded journal {app.temporary}/journal"
        if brokers:
            goal = "Kafka 127.0.0.1:1, alg_model_progress and als_model_result"
        line = (
            f"READY 200 model is ready: {protocol} on 0.0.0.0:{app.port}; messages go to {goal}\n"
        )
        wait_for(lambda: line in app.console, lambda: app.console)
        wait_for(lambda: line in app.log, lambda: app.log)


def test_a_large_request_reaches_the_task(tmp_path: Path) -> None:
    train = 'ctx.logResult([len(ctx.get("data_paths")), ctx.get("big")])'
    with App(tmp_path, app_with(train=train)) as app:
        app.start()
        assert app.train(data_paths=["x" * 100] * 50_000, big=10**40)["flag"] == 1
        app.wait_reported("END 200")
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
                app.wait_reported("END", ends)
        assert reply["flag"] == 2
        assert app.train()["flag"] == 1
        app.wait_reported("END 200", ends + 1)
