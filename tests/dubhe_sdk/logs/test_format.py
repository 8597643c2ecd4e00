"""The log as JSON: from the formatter, and from every process of a real instance."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.logs.format import JsonFormatter, read_format
from dubhe_sdk.process.command import dubhe_command
from tests.dubhe_sdk.service.harness import TRAIN_ID, App
from tests.support.environ import clean_environ
from tests.support.waiting import wait_for

KEYS = ["time", "level", "logger", "process", "message", "fields"]
JSON = {"DUBHE_LOG_FORMAT": "json"}


def formatted(message: str, *args: Any, **more: Any) -> dict[str, Any]:
    record = logging.makeLogRecord(
        {"name": "x.y", "levelname": "INFO", "msg": message, "args": args, "created": 1.5, **more}
    )
    line = JsonFormatter().format(record)
    assert len(line.splitlines()) == 1
    value: dict[str, Any] = json.loads(line)
    assert list(value) == KEYS
    return value


def test_a_record_is_one_line() -> None:
    value = formatted("%s\n图", "a\u2028\ud800\0", fields={"path": Path("/x")}, process=7)
    assert value["message"] == "a\u2028\\ud800\0\n图"
    assert (value["level"], value["logger"], value["process"]) == ("INFO", "x.y", 7)
    assert value["fields"] == {"path": "/x"}
    assert datetime.fromisoformat(value["time"]).timestamp() == 1.5


def test_a_traceback_is_a_field() -> None:
    try:
        raise ValueError("why")
    except ValueError as error:
        value = formatted("it failed", exc_info=(type(error), error, error.__traceback__))
    assert value["message"] == "it failed"
    assert value["fields"]["traceback"].endswith("ValueError: why")


def test_the_variable() -> None:
    assert read_format({}) == read_format({"DUBHE_LOG_FORMAT": " text"}) == "text"
    assert read_format({"DUBHE_LOG_FORMAT": "JSON"}) == "json"
    with pytest.raises(EnvironmentInvalid, match=r"DUBHE_LOG_FORMAT is 'xml', expected 'text' or"):
        read_format({"DUBHE_LOG_FORMAT": "xml"})


@pytest.mark.parametrize("command", [["launch", "--", "true"], ["serve", "app.py"], ["sidecar"]])
def test_commands_refuse_another_format_and_name_it(tmp_path: Path, command: list[str]) -> None:
    env = clean_environ(DUBHE_LOG_FORMAT="xml", DUBHE_TEMPORARY=str(tmp_path))
    done = subprocess.run([*dubhe_command(), *command], env=env, capture_output=True, text=True)
    assert done.returncode == 2
    assert "DUBHE_LOG_FORMAT is 'xml', expected 'text' or 'json'" in done.stderr


SOURCE = """
import dubhe_sdk, os, signal

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        ctx.log("constructed\\nin two lines")

    @dubhe_sdk.train()
    def train(self, ctx):
        ctx.logProgress(0.5)
        raise ValueError("this training fails")
"""


def test_every_process_of_an_instance_writes_json(tmp_path: Path) -> None:
    with App(tmp_path / "app", SOURCE, TRAIN_ID, "http", JSON) as app:
        app.start()
        app.train()
        app.wait_reported("END 300")
        with socket.create_connection(("127.0.0.1", app.port), timeout=20) as sock:
            sock.sendall(b"nonsense\r\n\r\n")
            assert sock.recv(20).startswith(b"HTTP/1.1 400")
        os.kill(app.pid_of("sidecar"), signal.SIGKILL)
        wait_for(lambda: "it starts again" in app.console)
        app.terminate()
        app.wait()
        for text in (app.console, app.log):
            lines = [json.loads(line) for line in text.splitlines()]
            assert all(list(line) == KEYS for line in lines)
            messages = [line["message"] for line in lines]
            assert "constructed\nin two lines" in messages
            assert any("ValueError: this training fails" in message for message in messages)
            [progress] = [line for line in lines if line["message"] == "progress 0.5"]
            assert progress["fields"] == {"instance_id": TRAIN_ID, "kind": "progress"}
        loggers = {json.loads(line)["logger"] for line in app.console.splitlines()}
        assert loggers >= {"dubhe_sdk", "dubhe_sdk.launch", "dubhe_sdk.service.web.http.malformed"}


def test_a_refused_environment_is_json_too(tmp_path: Path) -> None:
    env = clean_environ(**JSON, DUBHE_TEMPORARY=str(tmp_path), BOOTSTRAP_SERVERS="kafka:port")
    for command in (["launch", "--", "true"], ["sidecar"]):
        done = subprocess.run([*dubhe_command(), *command], env=env, capture_output=True)
        assert done.returncode == 2
        value = json.loads(done.stderr)
        assert value["level"] == "ERROR"
        assert value["logger"] == f"dubhe_sdk.{command[0]}"
        assert "BOOTSTRAP_SERVERS" in value["message"]
