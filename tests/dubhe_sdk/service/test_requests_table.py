"""The same requests, right and odd, to every kind of instance over both protocols.

Replies and what the algorithm then gets are compared with recorded values: section 3 of the
contract and what platforms of the earlier SDK send.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.dubhe_sdk.service.harness import INFERENCE_ID, PREDICT_ID, TRAIN_ID, App

APP = """
import dubhe_sdk

KEYS = (
    "algorithm_id", "data_paths", "code_list", "verify_way", "verify_paths", "split_rate",
    "pretrained_model_path", "pretrained_epoch", "image_base_dir", "image_names",
    "resource_allocation", "resource_type", "extra",
)

def seen(ctx):
    return {key: ctx.get(key) for key in KEYS}

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx): pass

    @dubhe_sdk.train()
    def train(self, ctx): ctx.logResult(seen(ctx))

    @dubhe_sdk.predict()
    def predict(self, ctx): ctx.logResult(seen(ctx))

    @dubhe_sdk.inference()
    def inference(self, ctx): return seen(ctx)
"""

IDS = {1: TRAIN_ID, 2: PREDICT_ID, 3: INFERENCE_ID}
ACCEPTED = {
    1: {"flag": 1, "message": "model train starting now"},
    2: {"flag": 1, "message": "model predict starting now"},
    3: {"flag": 1, "message": "model inference success"},
}
DEFAULTS: dict[str, Any] = {
    "algorithm_id": "",
    "data_paths": [],
    "code_list": [],
    "verify_way": 1,
    "verify_paths": [],
    "split_rate": 0.1,
    "pretrained_model_path": "",
    "pretrained_epoch": 0,
    "image_base_dir": "",
    "image_names": [],
    "resource_allocation": {"CUDA_VISIBLE_DEVICES": "0"},
    "resource_type": 0,
    "extra": "",
}

LIST, TEXT, SHARE = "a list", "a string", "a number from 0 to 1"
WAY, COUNT = "1 (by ratio) or 2 (given set)", "a whole number, 0 or more"
ID, DEVICE = "a string or a number", "0 (CPU) or 1 (GPU)"
ALLOCATION = 'an object like {"CUDA_VISIBLE_DEVICES": "0"}'

# field, value as sent, what the algorithm gets; for every kind of request
TAKEN: list[tuple[str, Any, Any]] = [
    ("algorithm_id", "112", "112"),
    ("algorithm_id", 112345540, 112345540),
    ("algorithm_id", None, ""),
    ("data_paths", ["/data/图/a"], ["/data/图/a"]),
    ("data_paths", [], []),
    ("data_paths", None, []),
    ("code_list", ["A", "B"], ["A", "B"]),
    ("code_list", [1, 2], [1, 2]),
    ("verify_way", 1, 1),
    ("verify_way", 2, 2),
    ("verify_way", "2", 2),
    ("verify_way", None, 1),
    ("verify_paths", ["/v"], ["/v"]),
    ("split_rate", 0, 0),
    ("split_rate", 1, 1),
    ("split_rate", 0.25, 0.25),
    ("split_rate", "0.25", 0.25),
    ("split_rate", "1", 1.0),
    ("split_rate", None, 0.1),
    ("pretrained_model_path", "/m/a.pth", "/m/a.pth"),
    ("pretrained_epoch", 12, 12),
    ("pretrained_epoch", "12", 12),
    ("pretrained_epoch", None, 0),
    ("image_base_dir", "/images", "/images"),
    ("image_names", ["1.png", "图.png"], ["1.png", "图.png"]),
    ("image_names", None, []),
    ("resource_allocation", {"CUDA_VISIBLE_DEVICES": "1"}, {"CUDA_VISIBLE_DEVICES": "1"}),
    ("resource_allocation", {}, {}),
    ("resource_type", 1, 1),
    ("resource_type", "1", 1),
    ("extra", {"deep": [1, {"a": None}]}, {"deep": [1, {"a": None}]}),
    ("extra", '\\u4e2d "quoted"', '\\u4e2d "quoted"'),
    ("extra", 2**60, 2**60),
]
# field, value, what is expected instead, kinds of request that use the field
REFUSED: list[tuple[str, Any, str, set[int]]] = [
    ("algorithm_id", [], ID, {1, 2, 3}),
    ("algorithm_id", 1.5, ID, {1, 2, 3}),
    ("algorithm_id", True, ID, {1, 2, 3}),
    ("data_paths", "a.zip", LIST, {1, 2}),
    ("data_paths", {}, LIST, {1, 2}),
    ("data_paths", 0, LIST, {1, 2}),
    ("code_list", "A", LIST, {1}),
    ("verify_way", 0, WAY, {1}),
    ("verify_way", 3, WAY, {1}),
    ("verify_way", "x", WAY, {1}),
    ("verify_way", True, WAY, {1}),
    ("verify_paths", 0, LIST, {1}),
    ("split_rate", 1.5, SHARE, {1}),
    ("split_rate", -0.1, SHARE, {1}),
    ("split_rate", "1.5", SHARE, {1}),
    ("split_rate", "half", SHARE, {1}),
    ("pretrained_model_path", 5, TEXT, {1}),
    ("pretrained_epoch", -1, COUNT, {1}),
    ("pretrained_epoch", 1.5, COUNT, {1}),
    ("pretrained_epoch", "-1", COUNT, {1}),
    ("image_base_dir", [], TEXT, {3}),
    ("image_names", "a.png", LIST, {3}),
    ("image_names", 0, LIST, {3}),
    ("resource_allocation", "0", ALLOCATION, {1, 2, 3}),
    ("resource_allocation", [0], ALLOCATION, {1, 2, 3}),
    ("resource_type", 2, DEVICE, {1, 2, 3}),
    ("resource_type", "cpu", DEVICE, {1, 2, 3}),
]


class Requests:
    """Sends requests to one instance, and tells what the algorithm got."""

    def __init__(self, app: App, type_: int) -> None:
        self._app = app
        self._type = type_
        self.started = 0

    def refused(self, **fields: Any) -> str:
        reply = self._app.send(self._type, **fields)
        assert reply["flag"] == 2, (fields, reply)
        return str(reply["message"])

    def seen(self, **fields: Any) -> dict[str, Any]:
        reply = self._app.send(self._type, **fields)
        if self._type == 3:
            seen: dict[str, Any] = reply.pop("data")
            assert reply == ACCEPTED[3]
            return seen
        assert reply == ACCEPTED[self._type], (fields, reply)
        self.started += 1
        self._app.wait_reported("END 200", self.started)
        (*_, last) = [one for one in self._app.messages if one["value"]["mes_type"] == 3]
        found: dict[str, Any] = last["value"]["data"]
        return found


@pytest.mark.parametrize("protocol", ["tcp", "http"])
@pytest.mark.parametrize("type_", [1, 2, 3])
def test_the_table(tmp_path: Path, type_: int, protocol: str) -> None:
    with App(tmp_path, APP, IDS[type_], protocol) as app:
        app.start()
        requests = Requests(app, type_)
        assert requests.seen() == DEFAULTS
        for field, value, seen in TAKEN:
            assert requests.seen(**{field: value}) == {**DEFAULTS, field: seen}, (field, value)
        for field, value, expected, used_by in REFUSED:
            if type_ in used_by:
                text = json.dumps(value, ensure_ascii=False)
                refusal = f"param error: field {field} is {text}, expected {expected}"
                assert requests.refused(**{field: value}) == refusal
            else:
                assert requests.seen(**{field: value})[field] is not None
        assert requests.seen() == DEFAULTS  # nothing remains of former requests
        for other in {1, 2, 3} - {type_}:
            message = app.send(other)["message"]
            assert f"req_type {other} " in message and "does not fit this instance" in message
        assert app.send(0) == {"flag": 1, "message": "service online"}
        assert app.reported.count("START") == app.reported.count("END 200") == requests.started


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_the_form_of_the_body(tmp_path: Path, protocol: str) -> None:
    with App(tmp_path, APP, INFERENCE_ID, protocol) as app:
        app.start()
        request = {"req_type": 3, "instance_id": INFERENCE_ID, "extra": "图"}
        client = app.client()
        for body in (
            json.dumps(request),
            json.dumps(request, ensure_ascii=False),
            json.dumps(json.dumps(request)),
            f" \n{json.dumps(request, indent=2)}\n",
        ):
            reply = client.send_bytes(body.encode(), "/predict/multiple")
            assert reply["data"] == {**DEFAULTS, "extra": "图"}
        for number in ("7", 7, 7.5, 2**62):
            reply = client.send({**request, "request_number": number})
            assert reply.get("request_number") == (number if protocol == "tcp" else None)
        for body, message in (
            ("[]", "param error: request is not a dict"),
            ("7", "param error: request is not a dict"),
            ('"text"', "param error: the request is not valid JSON: "),
            ("{", "param error: the request is not valid JSON: "),
            ('{"extra": NaN}', "param error: the request is not valid JSON: NaN is not"),
        ):
            refusal = client.send_bytes(body.encode(), "/predict/multiple")
            assert refusal["flag"] == 2 and refusal["message"].startswith(message)
        if protocol == "tcp":
            for type_ in (None, 4, "3", True, -1):
                assert client.send({**request, "req_type": type_})["message"] == "req_type error"
