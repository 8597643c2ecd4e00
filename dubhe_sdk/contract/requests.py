"""The requests of section 3 of the contract: types, fields, defaults, checks, replies.

This module knows no protocol. The web front checks with it, `Context.get` takes its defaults
from it, and a platform that sends requests can import it.
"""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.errors import RequestInvalid


class RequestType(IntEnum):
    """``req_type``."""

    HEARTBEAT = 0
    TRAIN = 1
    PREDICT = 2
    INFERENCE = 3


KIND_OF_REQUEST = {
    RequestType.TRAIN: TaskKind.TRAIN,
    RequestType.PREDICT: TaskKind.EVALUATE,
    RequestType.INFERENCE: TaskKind.INFER,
}

ROUTES = {
    "/heart": RequestType.HEARTBEAT,
    "/train/start": RequestType.TRAIN,
    "/predict/batch": RequestType.PREDICT,
    "/predict/multiple": RequestType.INFERENCE,
}

FLAG_OK = 1
FLAG_REFUSED = 2

SUCCESS_MESSAGES = {
    RequestType.HEARTBEAT: "service online",
    RequestType.TRAIN: "model train starting now",
    RequestType.PREDICT: "model predict starting now",
    RequestType.INFERENCE: "model inference success",
}


@dataclass(frozen=True)
class Field:
    """One request parameter that algorithms may ask for."""

    name: str
    default: Any
    expected: str  # in words, for the refusal
    accepts: Callable[[Any], bool]
    schema: Mapping[str, Any]  # the same as JSON Schema, for `dubhe openapi`; null is added there
    used_by: frozenset[RequestType]
    """The kinds of request in which it is checked: others may hold anything in it. Platforms write
    integers that they have not set as 0."""
    number: Callable[[str | float], int | float] | None = None
    """Makes the number of a text, if the platform may have written one."""
    always: frozenset[type] = frozenset()
    """Types of which every value is accepted, so that nobody needs to ask `accepts`."""


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    # 1e999 is valid JSON, becomes infinity, and could not be echoed
    return _is_int(value) or (isinstance(value, float) and math.isfinite(value))


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return _is_int(value) or (isinstance(value, float) and value.is_integer())


def _is_text_or_whole(value: Any) -> bool:
    return _is_text(value) or _is_whole(value)


def _is_one_of(value: Any, numbers: tuple[int, ...]) -> bool:
    if type(value) is int:
        return value in numbers
    if isinstance(value, str):
        return value in map(str, numbers)
    return _is_whole(value) and value in numbers


def _is_share(value: Any) -> bool:
    if isinstance(value, str):
        return re.fullmatch(_SHARE_TEXT, value) is not None
    return _is_number(value) and 0 <= value <= 1


def _is_count(value: Any) -> bool:
    if isinstance(value, str):
        return re.fullmatch(_COUNT_TEXT, value) is not None
    return _is_whole(value) and value >= 0


_ALL = frozenset({RequestType.TRAIN, RequestType.PREDICT, RequestType.INFERENCE})
_TASKS = frozenset({RequestType.TRAIN, RequestType.PREDICT})
_TRAIN = frozenset({RequestType.TRAIN})
_INFERENCE = frozenset({RequestType.INFERENCE})

_LISTS = frozenset({list})
_TEXTS = frozenset({str})

_ARRAY = {"type": "array"}
_TEXT = {"type": "string"}
_SHARE_TEXT = r"[01]|[01]\.0*|0?\.[0-9]{1,30}"
_COUNT_TEXT = r"[0-9]{1,18}"


def _text_like(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^({pattern})$"}


FIELDS = {
    field.name: field
    for field in (
        Field(
            "algorithm_id",
            "",
            "a string or a number",
            _is_text_or_whole,
            {"type": ["string", "integer"]},
            _ALL,
            always=frozenset({str, int}),
        ),
        Field("data_paths", [], "a list", _is_list, _ARRAY, _TASKS, always=_LISTS),
        Field("code_list", [], "a list", _is_list, _ARRAY, _TRAIN, always=_LISTS),
        Field(
            "verify_way",
            1,
            "1 (by ratio) or 2 (given set)",
            lambda v: _is_one_of(v, (1, 2)),
            {"type": ["integer", "string"], "enum": [1, 2, "1", "2"]},
            _TRAIN,
            int,
        ),
        Field("verify_paths", [], "a list", _is_list, _ARRAY, _TRAIN, always=_LISTS),
        Field(
            "split_rate",
            0.1,
            "a number from 0 to 1",
            _is_share,
            {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, _text_like(_SHARE_TEXT)]},
            _TRAIN,
            float,
        ),
        Field("pretrained_model_path", "", "a string", _is_text, _TEXT, _TRAIN, always=_TEXTS),
        Field(
            "pretrained_epoch",
            0,
            "a whole number, 0 or more",
            _is_count,
            {"anyOf": [{"type": "integer", "minimum": 0}, _text_like(_COUNT_TEXT)]},
            _TRAIN,
            int,
        ),
        Field("image_base_dir", "", "a string", _is_text, _TEXT, _INFERENCE, always=_TEXTS),
        Field("image_names", [], "a list", _is_list, _ARRAY, _INFERENCE, always=_LISTS),
        Field(
            "resource_allocation",
            {"CUDA_VISIBLE_DEVICES": "0"},
            'an object like {"CUDA_VISIBLE_DEVICES": "0"}',
            lambda v: isinstance(v, dict),
            {"type": "object"},
            _ALL,
            always=frozenset({dict}),
        ),
        Field(
            "resource_type",
            0,
            "0 (CPU) or 1 (GPU)",
            lambda v: _is_one_of(v, (0, 1)),
            {"type": ["integer", "string"], "enum": [0, 1, "0", "1"]},
            _ALL,
            int,
        ),
        Field(
            "request_number",
            "",
            "a string or a number",
            lambda v: _is_text(v) or _is_number(v),
            {"type": ["string", "number"]},
            _INFERENCE,
            always=frozenset({str, int}),
        ),
    )
}


_TYPES = {int(type_): type_ for type_ in RequestType}
_USED = {
    type_: {field.name: field for field in FIELDS.values() if type_ in field.used_by}
    for type_ in RequestType
}


def default_of(name: str) -> Any:
    """Return a fresh copy of a parameter's default, so that no caller shares it with another.

    Raises:
        KeyError: there is no such parameter.
    """
    return copy.deepcopy(FIELDS[name].default)


def value_of(name: str, value: Any) -> Any:
    """Return a parameter's value as algorithms expect it.

    A number that was sent as a text is one, and a whole one that was sent as ``3.0`` is whole.

    Examples:
        >>> value_of("split_rate", "0.2")
        0.2
    """
    field = FIELDS.get(name)
    if field is None or field.number is None or not isinstance(value, (str, float)):
        return value
    return field.number(value) if field.accepts(value) else value


def parse(body: bytes) -> dict[str, Any]:
    """Return the request in a body: a JSON object, or a JSON string that contains one.

    Raises:
        RequestInvalid: it is neither; the text is the contract's refusal.
    """
    try:
        return _object(body)
    except (ValueError, RecursionError) as error:
        coding = _foreign_coding(body)
        if coding is not None:
            raise RequestInvalid(f"param error: {coding}") from None
        raise RequestInvalid(f"param error: the request is not valid JSON: {error}") from None


def parse_text(text: str) -> dict[str, Any]:
    """Return the request in a text, as `parse` does for bytes.

    Raises:
        RequestInvalid: it is JSON, and no object.
        ValueError, RecursionError: it is no JSON, or nested too deeply.
    """
    return _object(text)


def _object(body: bytes | str) -> dict[str, Any]:
    value = json.loads(body, parse_constant=_refuse_constant)
    if isinstance(value, str):
        value = json.loads(value, parse_constant=_refuse_constant)
    if not isinstance(value, dict):
        raise RequestInvalid("param error: request is not a dict")
    return value


def type_of(request: Mapping[str, Any]) -> RequestType:
    """Return the ``req_type``.

    Raises:
        RequestInvalid: it is missing or unknown.
    """
    value: Any = request.get("req_type")
    type_ = _TYPES.get(value) if type(value) is int or _is_int(value) else None
    if type_ is None:
        raise RequestInvalid("req_type error")
    return type_


def echoed_number(request: Mapping[str, Any]) -> str | int | float | None:
    """Return the ``request_number`` that a reply over TCP repeats; None if there is none to repeat.

    One that is refused when the fields are checked is not repeated.
    """
    number = request.get("request_number")
    if type(number) is int or isinstance(number, str) or _is_number(number):
        return number
    return None


def check_instance(request: Mapping[str, Any], instance_id: str) -> None:
    """Check that the request is meant for this instance.

    Raises:
        RequestInvalid: it names another instance, or none.
    """
    found = request.get("instance_id")
    if found is None:
        raise RequestInvalid("param error: field instance_id is missing")
    if isinstance(found, str):
        found = found.strip()  # as in the environment
    if found != instance_id:
        raise RequestInvalid(
            f"param error: instance_id [{_id_text(found)}] of request "
            f"different from ENV INSTANCE_ID [{instance_id}]!"
        )


def check_fields(request: Mapping[str, Any], type_: RequestType) -> None:
    """Check the types of the parameters that this kind of request uses. A null counts as absent.

    Raises:
        RequestInvalid: a field is of a wrong type; the text names it.
    """
    used = _USED[type_]
    for name, value in request.items():
        field = used.get(name)
        if field is None or type(value) in field.always or value is None:
            continue
        if not field.accepts(value):
            raise RequestInvalid(
                f"param error: field {name} is {_short(value)}, expected {field.expected}"
            )


def success(type_: RequestType) -> dict[str, Any]:
    """Return the reply to a request that was accepted (inference adds ``data``)."""
    return {"flag": FLAG_OK, "message": SUCCESS_MESSAGES[type_]}


def refusal(message: str) -> dict[str, Any]:
    """Return the reply to a request that was not accepted."""
    return {"flag": FLAG_REFUSED, "message": message}


def _foreign_coding(body: bytes) -> str | None:
    """Return what a body is instead of JSON in UTF-8, and what to do, if that is evident."""
    for beginning, name in _COMPRESSED.items():
        if body.startswith(beginning):
            return (
                f"the request is compressed ({name}); expected JSON as it is: send it without "
                "compression"
            )
    try:
        body.decode()
    except UnicodeDecodeError:
        pass
    else:
        return None
    try:
        json.loads(body.decode("gb18030"))
    except (ValueError, RecursionError):
        return None
    return "the request is in GBK, expected UTF-8: encode it as UTF-8"


_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"x\x01": "deflate",
    b"x\x9c": "deflate",
    b"x\xda": "deflate",
    b"\x28\xb5\x2f\xfd": "zstd",
}


def _refuse_constant(name: str) -> Any:
    # Python reads NaN and Infinity, which are not JSON; other readers of a reply would stumble.
    raise ValueError(f"{name} is not a JSON number")


def _id_text(value: Any) -> str:
    if not isinstance(value, str):
        return _short(value)
    return value if len(value) <= _LONGEST_ID else value[:_LONGEST_ID] + "..."


_LONGEST_ID = 256
_LONGEST_VALUE = 80


def _short(value: Any) -> str:
    """Return the beginning of a value's JSON, without writing out what may be megabytes."""
    if isinstance(value, str):
        value = value[: _LONGEST_VALUE + 1]
    words = ""
    for piece in _ENCODER.iterencode(value):
        # a piece may be a text of any length, already encoded
        words += piece[: _LONGEST_VALUE + 1]
        if len(words) > _LONGEST_VALUE:
            return words[: _LONGEST_VALUE - 3] + "..."
    return words


_ENCODER = json.JSONEncoder(ensure_ascii=False)
