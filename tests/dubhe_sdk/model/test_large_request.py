"""Long requests, which the model process reads and checks: replies as to short ones."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.contract.framing import pack, unpack_all, unpack_first
from dubhe_sdk.environment import read_settings
from dubhe_sdk.ipc.shared_body import SHARED_FROM_BYTES, SharedBody
from dubhe_sdk.model.inference_calls import BatchCalls
from dubhe_sdk.model.large_request import NotAccepted, read_large
from tests.dubhe_sdk.service.harness import INFERENCE_ID, App

LONG = "x" * SHARED_FROM_BYTES

SINGLE = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.inference()
    def infer(self, ctx):
        if ctx.get("fails"):
            raise ValueError("no such image")
        return [len(ctx.get("picture")), ctx.json_request.get("exact")]
"""
BATCHED = SINGLE.replace("inference()", "inference(max_batch_size=4)").replace(
    "def infer(self, ctx):",
    """def infer(self, contexts):
        return [self.one(ctx) for ctx in contexts]

    def one(self, ctx):""",
)


@pytest.mark.parametrize("protocol", ["tcp", "http"])
@pytest.mark.parametrize("source", [SINGLE, BATCHED], ids=["single", "batches"])
def test_replies_are_those_to_short_requests(tmp_path: Path, protocol: str, source: str) -> None:
    with App(tmp_path, source, INFERENCE_ID, protocol) as app:
        app.start()
        client = app.client()

        def ask(picture: str, **fields: Any) -> dict[str, Any]:
            request = {"req_type": 3, "instance_id": INFERENCE_ID, "picture": picture, **fields}
            client.begin(json.dumps(request).encode(), "/predict/multiple")
            reply: dict[str, Any] = client.finish()
            return reply

        exact = 2**70 + 1
        assert ask(LONG, exact=exact, request_number="7")["data"] == [len(LONG), exact]
        for fields in (
            {"request_number": 8},
            {"request_number": "图"},
            {"request_number": [1]},
            {"image_names": "a.png"},
            {"req_type": 0},
            {"req_type": 1},
            {"req_type": None},
            {"req_type": 9},
            {"fails": True, "request_number": 9},
        ):
            short = ask("x", **fields)
            if short["flag"] == 1 and "data" in short:
                short["data"] = [len(LONG), None]
            assert ask(LONG, **fields) == short, fields


def test_what_is_no_json_is_refused_as_ever(tmp_path: Path) -> None:
    with App(tmp_path, SINGLE, INFERENCE_ID, "http") as app:
        app.start()
        client = app.client()
        for body in (
            b'{"picture": "' + LONG.encode(),
            LONG.encode("utf-8") + b"}",
            b"[" * SHARED_FROM_BYTES,
            b'{"a": NaN, "picture": "' + LONG.encode() + b'"}',
            json.dumps({"picture": LONG + "缺陷"}, ensure_ascii=False).encode("gbk"),
        ):
            client.begin(body, "/predict/multiple")
            reply = client.finish()
            assert reply["flag"] == 2
            assert reply["message"].startswith("param error: the request is"), reply
        client.begin(json.dumps(json.dumps({"picture": LONG})).encode(), "/predict/multiple")
        assert client.finish()["data"] == [len(LONG), None]


def test_in_platform_mode_another_instance_is_given_back(tmp_path: Path) -> None:
    variables = {
        "PLATFORM_TYPE": "1",
        "PORT": "8030",
        "BOOTSTRAP_SERVERS": "127.0.0.1",
        "TOPIC_MODEL_STATUS": "status",
        "TOPIC_MODEL_RESULT": "result",
        "INSTANCE_ID": INFERENCE_ID,
        "DUBHE_TEMPORARY": str(tmp_path),
    }
    settings = read_settings(variables)
    for instance, accepted in ((INFERENCE_ID, True), ("modelid1-a-inference-2", False)):
        request = {"req_type": 3, "instance_id": instance}
        body = SharedBody.create(len(json.dumps(request)))
        body.fill(json.dumps(request).encode(), lambda buffer: 0)
        if accepted:
            assert read_large(body, settings) == (request, b"")
        else:
            with pytest.raises(NotAccepted):
                read_large(body, settings)


@pytest.mark.parametrize(
    "value",
    [
        2**70 + 1,
        -(2**63) - 1,
        {"deep": [[{"er": [1.5, 2**64]}]]},
        [1e300, 0.1, -0.5],
        [[n, n + 0.5] for n in range(20_000)],
        "\ud800",
        {"a": None, "b": [True, {}, []]},
    ],
)
def test_values_are_those_of_short_requests(tmp_path: Path, value: Any) -> None:
    text = json.dumps({"req_type": 3, "instance_id": INFERENCE_ID, "value": value})
    body = SharedBody.create(len(text))
    body.fill(text.encode(), lambda buffer: 0)
    settings = read_settings({"DUBHE_TEMPORARY": str(tmp_path)})
    request, _ = read_large(body, settings)
    assert repr(request) == repr(json.loads(text))


def test_one_that_has_not_arrived_fails_and_the_others_of_its_batch_do_not(tmp_path: Path) -> None:
    def take() -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    settings = read_settings({"DUBHE_TEMPORARY": str(tmp_path)})
    calls = BatchCalls(len_of_each, settings, logging.getLogger(__name__), contextlib.nullcontext())
    body = SharedBody.create(SHARED_FROM_BYTES)
    lost, found = unpack_all(calls.answer(pack(body.message) + pack(b'{"a": 1}'), take))
    body.close()
    number, reply = unpack_first(lost)
    assert (number, reply[:17]) == (b"", b'-{"type":"OSError')
    assert found == b"+1"


def len_of_each(contexts: list[Any]) -> list[int]:
    return [len(context.json_request) for context in contexts]
