from __future__ import annotations

from dubhe_sdk.contract import messages
from dubhe_sdk.contract.kind import TaskKind

INSTANCE = "modelid1412-algorithm112345540-train-1412-4"


def test_the_texts_are_those_of_the_contract() -> None:
    assert messages.ready() == {"action": "READY", "status": 200, "msg": "model is ready"}
    assert messages.start(TaskKind.TRAIN) == {
        "action": "START",
        "status": 200,
        "msg": "model train starting",
    }
    assert messages.start(TaskKind.EVALUATE)["msg"] == "model predict starting"
    assert messages.end(TaskKind.TRAIN) == {
        "action": "END",
        "status": 200,
        "msg": "model train end",
    }
    assert messages.end(TaskKind.EVALUATE)["msg"] == "model predict end"
    assert messages.failed(INSTANCE, "ValueError: no") == {
        "action": "END",
        "status": 300,
        "msg": f"{INSTANCE} current model error ValueError: no",
    }


def test_the_types_are_those_of_the_contract() -> None:
    assert {type_.name: int(type_) for type_ in messages.MessageType} == {
        "READY": 0,
        "TASK": 1,
        "PROGRESS": 2,
        "RESULT": 3,
    }
    assert messages.REQUEST_NUMBER_LIMIT == 2**63


def test_a_stop_is_told_from_a_failure() -> None:
    for by in ("", "SIGTERM", "the death of the container parent"):
        assert messages.tells_of_stop(messages.failed(INSTANCE, messages.stopped(by))["msg"])
    for what in ("boom", f"RuntimeError: {messages.stopped()}", f"{messages.stopped()}; and more"):
        assert not messages.tells_of_stop(messages.failed(INSTANCE, what)["msg"])


def test_the_text_of_a_failure_is_one_line() -> None:
    def text(what: str) -> str:
        return str(messages.failed("a", what)["msg"]).removeprefix("a current model error ")

    assert text("no\n  such\r\nfile ") == "no such file "
    assert text("\x1b[31mred\x00\t\ud800") == "\\x1b[31mred\\x00\\t\\ud800"
    assert text("文件 不存在\u3000é") == "文件 不存在\u3000é"
    assert len(text("x" * 10**6)) == messages.TEXT_LIMIT
    assert text("x" * 10**6).endswith("x…")
