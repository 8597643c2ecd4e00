"""The rules of section 3 of the contract, without any protocol."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.contract.requests import RequestType
from dubhe_sdk.service.state import Phase, ServiceState, StartReply
from dubhe_sdk.service.web import handler as handler_module
from dubhe_sdk.service.web.handler import RequestHandler
from dubhe_sdk.service.web.inference.errors import (
    InferenceFailed,
    InferenceOverloaded,
    ModelDied,
)
from tests.dubhe_sdk.service.web.support import (
    INSTANCE,
    READY,
    inference_request,
    refusal,
    training,
)

TRAIN = {"req_type": 1, "instance_id": INSTANCE, "data_paths": ["/data"]}


class FakeBackend:
    def __init__(self, state: ServiceState = READY) -> None:
        self.state = state
        self.start_reply = StartReply.STARTED
        self.result: bytes | Exception = b"[1]"
        self.started: list[tuple[RequestType, dict[str, Any]]] = []
        self.inferred: list[bytes] = []

    def start_task(self, type_: RequestType, request: dict[str, Any]) -> StartReply:
        self.started.append((type_, request))
        return self.start_reply

    def infer(self, body: bytes, client: object) -> bytes:
        self.inferred.append(body)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture(params=["orjson", "json"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "json":
        monkeypatch.setattr(handler_module, "_orjson_loads", None)
    return str(request.param)


def answer(backend: FakeBackend, request: Any, route: RequestType | None = None) -> dict[str, Any]:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    reply: dict[str, Any] = json.loads(RequestHandler(backend, 1024).handle(body, route))
    return reply


# --- heartbeat ----------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", Phase)
def test_heartbeat_is_answered_in_every_phase(phase: Phase) -> None:
    backend = FakeBackend(ServiceState(phase, INSTANCE, TaskKind.TRAIN, platform_mode=True))
    reply = answer(backend, {"req_type": 0, "instance_id": INSTANCE})
    assert reply == {"flag": 1, "message": "service online"}


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"instance_id": null}'])
def test_heartbeat_over_http_needs_no_body(body: bytes) -> None:
    reply = answer(FakeBackend(), body, RequestType.HEARTBEAT)
    assert reply == {"flag": 1, "message": "service online"}


def test_heartbeat_for_another_instance_is_refused() -> None:
    message = refusal(answer(FakeBackend(), {"req_type": 0, "instance_id": "other"}))
    assert message == (
        f"param error: instance_id [other] of request different from ENV INSTANCE_ID [{INSTANCE}]!"
    )


# --- inference ----------------------------------------------------------------------------------


def test_the_result_goes_into_the_reply_as_it_came(parser: str) -> None:
    backend = FakeBackend()
    backend.result = '[{"img": "图.jpg", "conf": 1.50}]'.encode()
    body = json.dumps(inference_request()).encode()
    reply = RequestHandler(backend, 1024).handle(body, RequestType.INFERENCE)
    assert reply == (
        b'{"flag":1,"message":"model inference success","data":' + backend.result + b"}"
    )
    assert backend.inferred == [body]  # as it came, too


@pytest.mark.parametrize("result", [b"[]", b"null", b"{}", b"0"])
def test_an_empty_result_is_a_success(result: bytes) -> None:
    backend = FakeBackend()
    backend.result = result
    reply = answer(backend, inference_request(), RequestType.INFERENCE)
    assert reply == {"flag": 1, "message": "model inference success", "data": json.loads(result)}


@pytest.mark.parametrize("number", ["7", 7, "", 0, -1, 1.5, 2**53 + 1, 2**64 + 1, 10**40, "图"])
def test_request_number_is_echoed_unchanged_over_tcp(number: Any, parser: str) -> None:
    reply = answer(FakeBackend(), inference_request(request_number=number))
    assert reply["flag"] == 1
    assert reply.keys() == {"flag", "message", "data", "request_number"}
    assert reply["request_number"] == number
    assert type(reply["request_number"]) is type(number)


def test_request_number_is_not_echoed_over_http_nor_when_absent() -> None:
    assert answer(FakeBackend(), inference_request()).keys() == {"flag", "message", "data"}
    over_http = answer(FakeBackend(), inference_request(request_number=1), RequestType.INFERENCE)
    assert over_http.keys() == {"flag", "message", "data"}


@pytest.mark.parametrize("changes", [{"image_names": 7}, {"instance_id": "other"}])
def test_refusals_of_inference_echo_request_number_too(changes: dict[str, Any]) -> None:
    reply = answer(FakeBackend(), inference_request(request_number="9", **changes))
    assert (reply["flag"], reply["request_number"]) == (2, "9")
    assert reply.keys() == {"flag", "message", "request_number"}


@pytest.mark.parametrize("text", ['{"req_type": 3, "x": NaN}', '{"request_number": Infinity}'])
def test_what_is_not_json_is_refused(text: str, parser: str) -> None:
    assert "is not a JSON number" in refusal(answer(FakeBackend(), text.encode()))


@pytest.mark.parametrize("number", ["1e400", "[]", "true", "{}"])
def test_a_request_number_that_cannot_be_echoed_is_refused(number: str, parser: str) -> None:
    body = json.dumps(inference_request(request_number=0))
    body = body.replace('"request_number": 0', f'"request_number": {number}')
    assert "param error" in refusal(answer(FakeBackend(), body.encode()))


def test_a_json_string_that_contains_the_object_is_accepted(parser: str) -> None:
    backend = FakeBackend()
    request = inference_request(image_names=["图.jpg"])
    reply = answer(backend, json.dumps(request), RequestType.INFERENCE)
    assert refusal(answer(backend, json.dumps('"x"'))) == "param error: request is not a dict"
    reply = answer(backend, json.dumps(json.dumps(request)).encode(), RequestType.INFERENCE)
    assert reply["flag"] == 1
    assert json.loads(backend.inferred[-1]) == request


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_the_model_gets_plain_json_whatever_the_encoding(encoding: str, parser: str) -> None:
    backend = FakeBackend()
    request = inference_request(image_names=["图.jpg"])
    answer(backend, json.dumps(request, ensure_ascii=False).encode(encoding))
    assert json.loads(backend.inferred[0].decode("utf-8")) == request


def test_the_exception_is_reported() -> None:
    backend = FakeBackend()
    backend.result = InferenceFailed("ValueError", "no such image: 图.jpg")
    message = refusal(answer(backend, inference_request()))
    assert message == "exception occurs: ValueError: no such image: 图.jpg"


def test_overload_and_death_are_reported() -> None:
    backend = FakeBackend()
    backend.result = InferenceOverloaded("service is overloaded: 1 inference")
    assert refusal(answer(backend, inference_request())) == "service is overloaded: 1 inference"
    backend.result = ModelDied("the model process died")
    assert refusal(answer(backend, inference_request())) == "model failed: the model process died"


# --- start of a task ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "kind", "message"),
    [
        (1, TaskKind.TRAIN, "model train starting now"),
        (2, TaskKind.EVALUATE, "model predict starting now"),
    ],
)
@pytest.mark.parametrize("reply", [StartReply.STARTED, StartReply.DUPLICATE])
def test_a_start_is_acknowledged(
    type_: int, kind: TaskKind, message: str, reply: StartReply
) -> None:
    backend = FakeBackend(ServiceState(Phase.READY, INSTANCE, kind, platform_mode=True))
    backend.start_reply = reply
    request = {**TRAIN, "req_type": type_, "algorithm_id": 2**70}
    for route in (None, RequestType(type_)):
        assert answer(backend, request, route) == {"flag": 1, "message": message}
    assert backend.started == [(RequestType(type_), request)] * 2


def test_a_repeated_start_is_asked_for_while_busy() -> None:
    backend = FakeBackend(training(Phase.BUSY))
    backend.start_reply = StartReply.BUSY
    assert "another task" in refusal(answer(backend, TRAIN))


def test_unavailable_names_the_reason() -> None:
    backend = FakeBackend(training())
    backend.start_reply = StartReply.UNAVAILABLE
    assert "not ready" in refusal(answer(backend, TRAIN))
    backend.state = training(Phase.READY)


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"1"', b'"[]"'])
def test_not_an_object(body: bytes, parser: str) -> None:
    assert refusal(answer(FakeBackend(), body)) == "param error: request is not a dict"


@pytest.mark.parametrize("body", [b"", b"{", b'{"a" 1}', b"\xff", b'"{"', b"\x00"])
def test_unparsable(body: bytes, parser: str) -> None:
    message = refusal(answer(FakeBackend(), body))
    assert message.startswith("param error: the request is not valid JSON: ")


def test_unparsable_names_the_place() -> None:
    assert "line 1 column 6" in refusal(answer(FakeBackend(), b'{"a" 1}'))


@pytest.mark.parametrize("type_", [4, -1, "1", 1.0, True, [], {}, None, 10**30])
def test_unknown_type(type_: Any) -> None:
    request = {"req_type": type_, "instance_id": INSTANCE}
    assert refusal(answer(FakeBackend(), request)) == "req_type error"
    if type_ is not None:  # the route says it
        assert refusal(answer(FakeBackend(), request, RequestType.TRAIN)) == "req_type error"


def test_missing_type_over_tcp() -> None:
    assert refusal(answer(FakeBackend(), {"instance_id": INSTANCE})) == "req_type error"


def test_type_and_route_differ() -> None:
    message = refusal(answer(FakeBackend(), TRAIN, RequestType.INFERENCE))
    assert "req_type is 1 (train)" in message and "3 (inference)" in message


def test_kind_of_request_differs_from_kind_of_instance() -> None:
    message = refusal(answer(FakeBackend(), TRAIN))
    assert "train" in message and "inference" in message


@pytest.mark.parametrize("instance", ["other", 7, ["x"], {"a": [[[]]]}, "\ud800", "x" * 10**6])
def test_other_instance(instance: Any) -> None:
    message = refusal(answer(FakeBackend(), inference_request(instance_id=instance)))
    assert "of request different from ENV INSTANCE_ID" in message
    assert len(message) < 1000


def test_manual_mode_takes_any_instance() -> None:
    state = ServiceState(Phase.READY, INSTANCE, TaskKind.INFER)
    for instance in ("other", None):
        assert answer(FakeBackend(state), inference_request(instance_id=instance))["flag"] == 1


def test_missing_fields() -> None:
    request = inference_request()
    del request["instance_id"]
    message = refusal(answer(FakeBackend(), request))
    assert message == "param error: field instance_id is missing"
    request = inference_request()
    del request["image_names"]
    assert answer(FakeBackend(), request)["flag"] == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image_names", "a.jpg"),
        ("image_base_dir", 1),
        ("resource_type", 2),
        ("resource_allocation", []),
        ("algorithm_id", [["deep"] * 9] * 10**5),
    ],
)
def test_wrong_type_names_the_field_and_what_is_expected(field: str, value: Any) -> None:
    message = refusal(answer(FakeBackend(), inference_request(**{field: value})))
    assert f"field {field} is " in message and "expected" in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (
            ServiceState(Phase.FAILED, INSTANCE, TaskKind.INFER, True, "SIGKILL"),
            "model failed: SIGKILL",
        ),
        (ServiceState(Phase.STOPPING, INSTANCE, TaskKind.INFER, True), "stopping"),
    ],
)
def test_phases_that_refuse(state: ServiceState, expected: str) -> None:
    backend = FakeBackend(state)
    assert expected in refusal(answer(backend, inference_request()))
    assert not backend.inferred


def test_too_large_names_both_sizes() -> None:
    reply = json.loads(RequestHandler(FakeBackend(), 1024).refuse_too_large(2000))
    assert "2000" in refusal(reply) and "1024" in refusal(reply)


# --- nothing crashes it -------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
FIELD_VALUES = JSON | st.sampled_from([0, 1, 2, 3, INSTANCE, [], {}])
NAMES = ["req_type", "instance_id", "request_number", "image_names", "data_paths", "split_rate"]
OBJECTS = st.dictionaries(st.sampled_from(NAMES), FIELD_VALUES).map(
    lambda value: json.dumps(value).encode()
)
ROUTES = st.sampled_from([None, *RequestType])
DEEP = [b"[" * 100_000, b'{"a":' * 900 + b"1" + b"}" * 900, b'{"a":' * 50_000]
DEEP += [b'{"req_type":3,"instance_id":' + b"[" * n + b"]" * n + b"}" for n in (900, 5000)]
DEEP += [b'{"req_type":3,"request_number":' + b"9" * 5000 + b"}"]


@settings(max_examples=400, deadline=None)
@given(body=st.binary() | OBJECTS | JSON.map(lambda v: json.dumps(v).encode()), route=ROUTES)
def test_any_bytes_get_a_valid_reply(body: bytes, route: RequestType | None) -> None:
    check_reply(body, route)


@pytest.mark.parametrize("body", DEEP, ids=range(len(DEEP)))
@pytest.mark.parametrize("route", [None, *RequestType])
def test_absurd_requests_get_a_valid_reply(
    body: bytes, route: RequestType | None, parser: str
) -> None:
    check_reply(body, route)


def check_reply(body: bytes, route: RequestType | None) -> None:
    for state in (READY, training()):
        raw = RequestHandler(FakeBackend(state), 1024).handle(body, route)
        reply = json.loads(raw.decode("utf-8"), parse_constant=pytest.fail)
        assert reply["flag"] in (1, 2) and isinstance(reply["message"], str)
        allowed = {"flag", "message"}
        if route is RequestType.INFERENCE or route is None:
            allowed |= {"data"} if reply["flag"] == 1 else set()
        if route is None:
            allowed |= {"request_number"}
        assert reply.keys() <= allowed
