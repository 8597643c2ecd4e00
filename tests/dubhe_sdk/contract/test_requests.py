from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubhe_sdk.contract import requests
from dubhe_sdk.contract.requests import RequestType
from dubhe_sdk.errors import RequestInvalid

INSTANCE = "modelid1412-algorithm112345540-train-1412-4"


def test_routes_and_messages_are_those_of_the_contract() -> None:
    assert requests.ROUTES == {
        "/heart": RequestType.HEARTBEAT,
        "/train/start": RequestType.TRAIN,
        "/predict/batch": RequestType.PREDICT,
        "/predict/multiple": RequestType.INFERENCE,
    }
    assert [int(type_) for type_ in RequestType] == [0, 1, 2, 3]
    assert [requests.success(type_) for type_ in RequestType] == [
        {"flag": 1, "message": "service online"},
        {"flag": 1, "message": "model train starting now"},
        {"flag": 1, "message": "model predict starting now"},
        {"flag": 1, "message": "model inference success"},
    ]
    assert requests.refusal("why") == {"flag": 2, "message": "why"}


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("data_paths", []),
        ("code_list", []),
        ("verify_way", 1),
        ("verify_paths", []),
        ("split_rate", 0.1),
        ("pretrained_model_path", ""),
        ("pretrained_epoch", 0),
        ("image_base_dir", ""),
        ("image_names", []),
        ("resource_allocation", {"CUDA_VISIBLE_DEVICES": "0"}),
    ],
)
def test_defaults_are_those_of_the_contract_and_fresh_each_time(name: str, default: Any) -> None:
    value = requests.default_of(name)
    assert value == default
    assert type(value) is type(default)
    if isinstance(value, (list, dict)):
        value.clear() if value else value.append("spoilt")  # type: ignore[union-attr]
    assert requests.default_of(name) == default


def test_there_is_no_default_for_an_unknown_field() -> None:
    with pytest.raises(KeyError):
        requests.default_of("nothing")


@pytest.mark.parametrize(
    "body",
    [
        b'{"req_type": 0}',
        b' {"req_type": 0}\n',
        b'"{\\"req_type\\": 0}"',
        '{"req_type": 0}'.encode("utf-16"),
    ],
)
def test_an_object_or_a_string_that_contains_it(body: bytes) -> None:
    assert requests.parse(body) == {"req_type": 0}


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b"true", b'"[1]"', b'"7"'])
def test_anything_else_is_not_a_dict(body: bytes) -> None:
    with pytest.raises(RequestInvalid) as caught:
        requests.parse(body)
    assert str(caught.value) == "param error: request is not a dict"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a":}',
        b"\xff",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'"{\\"a\\": NaN}"',
        b"[" * 100_000,
        b'{"a": ' + b"1" * 5000 + b"}",
    ],
)
def test_what_is_not_json_is_refused_with_what_is_wrong(body: bytes) -> None:
    with pytest.raises(RequestInvalid, match=r"^param error: the request is not valid JSON: ."):
        requests.parse(body)


def test_where_it_is_wrong_is_reported() -> None:
    with pytest.raises(RequestInvalid, match="line 2 column 7"):
        requests.parse(b'{"req_type": 1,\n "a": oops}')


@given(st.binary(max_size=200))
def test_no_body_raises_anything_but_a_refusal(body: bytes) -> None:
    try:
        assert isinstance(requests.parse(body), dict)
    except RequestInvalid as error:
        assert str(error).startswith("param error")


@pytest.mark.parametrize("value", [None, "1", 1.0, True, 4, -1, [], {}, 10**30])
def test_an_unknown_req_type(value: Any) -> None:
    with pytest.raises(RequestInvalid) as caught:
        requests.type_of({"req_type": value})
    assert str(caught.value) == "req_type error"


def test_a_missing_req_type() -> None:
    with pytest.raises(RequestInvalid, match=r"^req_type error$"):
        requests.type_of({})


@pytest.mark.parametrize("type_", list(RequestType))
def test_known_req_types(type_: RequestType) -> None:
    assert requests.type_of({"req_type": int(type_)}) is type_


def test_another_instance_is_refused_in_the_contract_s_words() -> None:
    with pytest.raises(RequestInvalid) as caught:
        requests.check_instance({"instance_id": "x-y-train-1"}, INSTANCE)
    assert str(caught.value) == (
        "param error: instance_id [x-y-train-1] of request different from "
        f"ENV INSTANCE_ID [{INSTANCE}]!"
    )


@pytest.mark.parametrize("request_", [{}, {"instance_id": None}])
def test_no_instance_is_refused(request_: dict[str, Any]) -> None:
    with pytest.raises(RequestInvalid, match="field instance_id is missing"):
        requests.check_instance(request_, INSTANCE)


@pytest.mark.parametrize("value", [7, ["a"] * 100_000, "x" * 100_000, {"a": {}}, ["x" * 100_000]])
def test_a_strange_instance_id_is_shortened(value: Any) -> None:
    with pytest.raises(RequestInvalid, match="of request different from ENV") as caught:
        requests.check_instance({"instance_id": value}, INSTANCE)
    assert len(str(caught.value)) < 500


def test_the_same_instance_is_accepted() -> None:
    requests.check_instance({"instance_id": INSTANCE}, INSTANCE)


@pytest.mark.parametrize("type_", list(RequestType))
def test_every_field_may_be_absent_or_null(type_: RequestType) -> None:
    requests.check_fields({}, type_)
    requests.check_fields(dict.fromkeys(requests.FIELDS), type_)


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("split_rate", "0.1", 0.1),
        ("split_rate", ".25", 0.25),
        ("split_rate", "1", 1.0),
        ("verify_way", "2", 2),
        ("pretrained_epoch", "007", 7),
        ("pretrained_epoch", 3.0, 3),
        ("verify_way", 2.0, 2),
        ("resource_type", "1", 1),
    ],
)
def test_a_number_may_come_as_a_text(name: str, value: Any, number: float) -> None:
    requests.check_fields({name: value}, RequestType.TRAIN)
    found = requests.value_of(name, value)
    assert found == number and type(found) is type(number)


@pytest.mark.parametrize(
    ("name", "value"), [("algorithm_id", "7"), ("split_rate", "much"), ("other", "7"), ("code", 5)]
)
def test_other_values_stay_as_they_were_sent(name: str, value: Any) -> None:
    assert requests.value_of(name, value) is value


@pytest.mark.parametrize(
    ("type_", "request_"),
    [
        (RequestType.INFERENCE, {"verify_way": 0, "split_rate": 7, "data_paths": ""}),
        (RequestType.PREDICT, {"verify_way": 0, "image_names": 0, "pretrained_epoch": -1}),
        (RequestType.TRAIN, {"image_names": "", "request_number": []}),
    ],
)
def test_what_a_kind_of_request_does_not_use_is_not_checked(
    type_: RequestType, request_: dict[str, Any]
) -> None:
    requests.check_fields(request_, type_)


def test_blanks_around_an_id_are_ignored() -> None:
    requests.check_instance({"instance_id": f" {INSTANCE}\n"}, INSTANCE)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("algorithm_id", [], "a string or a number"),
        ("algorithm_id", 1.5, "a string or a number"),
        ("data_paths", "a.zip", "a list"),
        ("data_paths", {}, "a list"),
        ("code_list", "A", "a list"),
        ("verify_way", 3, "1 (by ratio) or 2 (given set)"),
        ("verify_way", "3", "1 (by ratio) or 2 (given set)"),
        ("verify_way", "one", "1 (by ratio) or 2 (given set)"),
        ("verify_way", True, "1 (by ratio) or 2 (given set)"),
        ("verify_paths", 0, "a list"),
        ("split_rate", 1.5, "a number from 0 to 1"),
        ("split_rate", -0.1, "a number from 0 to 1"),
        ("split_rate", "1.5", "a number from 0 to 1"),
        ("split_rate", "0.1\n", "a number from 0 to 1"),
        ("split_rate", float("inf"), "a number from 0 to 1"),
        ("pretrained_model_path", 5, "a string"),
        ("pretrained_epoch", -1, "a whole number, 0 or more"),
        ("pretrained_epoch", "-1", "a whole number, 0 or more"),
        ("pretrained_epoch", 1.5, "a whole number, 0 or more"),
        ("resource_allocation", "0", "an object like"),
        ("resource_type", 2, "0 (CPU) or 1 (GPU)"),
    ],
)
def test_a_wrong_type_is_named_with_what_was_found(name: str, value: Any, expected: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        requests.check_fields({"data_paths": [], name: value}, RequestType.TRAIN)
    text = str(caught.value)
    assert (
        text
        == f"param error: field {name} is {json.dumps(value)}, expected "
        + (text.partition("expected ")[2])
    )
    assert expected in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_names", "a.png"),
        ("image_base_dir", []),
        ("request_number", True),
        ("request_number", []),
        ("request_number", float("inf")),
    ],
)
def test_a_wrong_type_in_an_inference(name: str, value: Any) -> None:
    with pytest.raises(RequestInvalid, match=f"field {name} is .* expected a"):
        requests.check_fields({name: value}, RequestType.INFERENCE)


@given(st.dictionaries(st.sampled_from(sorted(requests.FIELDS)), st.none() | st.text(max_size=3)))
def test_checking_raises_nothing_but_refusals(request_: dict[str, Any]) -> None:
    for type_ in RequestType:
        try:
            requests.check_fields(request_, type_)
        except RequestInvalid as error:
            assert str(error).startswith("param error: field ")


def test_a_whole_request_of_the_platform_is_accepted() -> None:
    requests.check_fields(
        {
            "req_type": 1,
            "instance_id": INSTANCE,
            "algorithm_id": "112345540",
            "data_paths": ["/data/a"],
            "code_list": ["A", "B"],
            "verify_way": 2,
            "verify_paths": ["/data/b"],
            "split_rate": 0.2,
            "pretrained_model_path": "/m.pth",
            "pretrained_epoch": 3,
            "resource_type": 1,
            "resource_allocation": {"CUDA_VISIBLE_DEVICES": "0"},
            "special_params": {"a": 1},
        },
        RequestType.TRAIN,
    )
