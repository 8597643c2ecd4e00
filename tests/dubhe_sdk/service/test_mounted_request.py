"""A task that the service begins by itself, from a file, and ends with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.process.command import dubhe_command
from tests.dubhe_sdk.service.algorithms import REPORTING, TRAINING, app_with
from tests.dubhe_sdk.service.harness import INFERENCE_ID, PREDICT_ID, TRAIN_ID, App

REQUEST = {"req_type": 1, "instance_id": TRAIN_ID, "data_paths": ["/data/文"]}


def given(app: App, request: Any, **env: str) -> App:
    """Put the request into a file that the environment names."""
    (app.folder / "request.json").write_text(json.dumps(request), "utf-8")
    app.env |= {"DUBHE_REQUEST": "request.json", "DUBHE_ONCE": "1", **env}
    return app


@pytest.mark.smoke
def test_it_begins_by_itself_and_ends_with_status_0(tmp_path: Path) -> None:
    with App(tmp_path, REPORTING) as app:
        given(app, REQUEST).start(until=None)
        assert app.wait() == 0, app.console
        assert app.reported[:2] == ["READY", "START"]
        assert app.reported[-1] == "END 200"
        assert not app.marked.living()


def test_options_on_the_command_line(tmp_path: Path) -> None:
    """Without an id and a platform, the request's type alone says what it is."""
    with App(tmp_path, REPORTING, instance_id="") as app:
        app.write("evaluate.json", '{"req_type": 2}')
        app.start([*dubhe_command(), "serve", "--request", "evaluate.json", "--once", "app.py"])
        assert app.wait() == 0, app.console
        assert app.reported[-1] == "END 200"
        assert app.messages[0]["value"]["instance_id"].endswith("-forecast-1")


def test_the_heartbeat_answers_meanwhile_and_another_task_is_refused(tmp_path: Path) -> None:
    with App(tmp_path, TRAINING) as app:
        given(app, REQUEST).start(until="START")
        app.wait_file("training")
        assert app.send(0) == {"flag": 1, "message": "service online"}
        assert app.train(data_paths=["other"])["flag"] == 2
        app.write("go on", "")
        assert app.wait() == 0


def test_once_without_a_request_ends_with_the_platforms_task(tmp_path: Path) -> None:
    with App(tmp_path, TRAINING, env={"DUBHE_ONCE": "1"}) as app:
        app.write("go on", "")
        app.start()
        assert app.train()["flag"] == 1
        assert app.wait() == 0
        assert app.reported[-1] == "END 200"


def test_a_task_that_raises_ends_with_status_1(tmp_path: Path) -> None:
    with App(tmp_path, app_with(train="raise ValueError('no defects')")) as app:
        given(app, REQUEST).start(until=None)
        assert app.wait() == 1
        (end,) = app.ends()
        assert end["status"] == 300
        assert "no defects" in end["msg"]


def test_a_class_that_cannot_be_constructed_ends_with_one_end(tmp_path: Path) -> None:
    with App(tmp_path, app_with("raise ValueError('no weights')")) as app:
        given(app, REQUEST).start(until=None)
        assert app.wait() == 1
        assert app.reported == ["END 300"]


def test_a_stop_in_the_middle_is_told_by_the_status(tmp_path: Path) -> None:
    with App(tmp_path, TRAINING) as app:
        given(app, REQUEST).start(until="START")
        app.wait_file("training")
        app.terminate()
        assert app.wait() == 143
        assert app.reported[-1] == "END 300"


def test_an_end_that_nobody_was_told_of_is_no_success(tmp_path: Path) -> None:
    with App(tmp_path, REPORTING) as app:
        away = {"BOOTSTRAP_SERVERS": "127.0.0.1:1", "DUBHE_DRAIN_TIMEOUT_SECONDS": "1"}
        given(app, REQUEST, **away).start(until=None)
        assert app.wait() == 75
        assert "not everything could be delivered in time" in app.console


@pytest.mark.parametrize(
    ("request_", "instance_id", "env", "words"),
    [
        ([1], TRAIN_ID, {}, "request is not a dict"),
        ({"req_type": 3}, "", {}, "req_type is 3 (inference), expected 1 (train) or 2 (evaluate)"),
        ({}, "", {}, "it has no req_type, and INSTANCE_ID is not set"),
        ({"req_type": 2}, TRAIN_ID, {}, f"it is for predict, but INSTANCE_ID is {TRAIN_ID}"),
        ({"data_paths": 5}, TRAIN_ID, {}, "field data_paths is 5, expected a list"),
        ({"req_type": 1, "instance_id": PREDICT_ID}, "", {}, "expected one for train, like manual"),
        ({"req_type": 1, "instance_id": "a-b"}, "", {}, "its instance_id has 2 parts"),
        (REQUEST, TRAIN_ID, {"DUBHE_REQUEST": "none.json"}, "none.json (DUBHE_REQUEST) cannot be"),
        (REQUEST, TRAIN_ID, {"DUBHE_ONCE": "yes"}, "DUBHE_ONCE is 'yes', expected 0 or 1"),
        ({}, INFERENCE_ID, {}, "an inference instance has no task that ends"),
        (
            {"instance_id": PREDICT_ID.replace("forecast", "train")},
            TRAIN_ID,
            {"PLATFORM_TYPE": "1"},
            "different from ENV INSTANCE_ID",
        ),
    ],
)
def test_what_cannot_begin_is_refused_with_status_2(
    tmp_path: Path, request_: Any, instance_id: str, env: dict[str, str], words: str
) -> None:
    with App(tmp_path, app_with(), instance_id=instance_id) as app:
        given(app, request_, **env)
        if "PLATFORM_TYPE" in env:
            app.env |= {"BOOTSTRAP_SERVERS": "127.0.0.1:1", "DUBHE_DRAIN_TIMEOUT_SECONDS": "0"}
            app.env |= {"TOPIC_MODEL_STATUS": "status", "TOPIC_MODEL_RESULT": "result"}
            app.env["INSTANCE_ID"] = f"{TRAIN_ID}-1"
        app.start(until=None)
        assert app.wait() == 2
        assert words in app.console
        assert "Traceback" not in app.console
