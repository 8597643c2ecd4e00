"""The OpenAPI document says what `dubhe_sdk.contract.requests` checks."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dubhe_sdk
from dubhe_sdk.contract import openapi, requests
from dubhe_sdk.contract.requests import FIELDS, ROUTES, RequestType
from dubhe_sdk.errors import RequestInvalid
from dubhe_sdk.process.command import dubhe_command
from tests.support.environ import clean_environ

DOCUMENT = openapi.document("1.2.3")
SCHEMAS = DOCUMENT["components"]["schemas"]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(), SCALARS, max_size=3)


def is_accepted(request: dict[str, Any], type_: RequestType) -> bool:
    try:
        requests.check_fields(request, type_)
    except RequestInvalid:
        return False
    return True


@pytest.mark.parametrize("type_", list(RequestType)[1:])
def test_every_field_accepts_what_the_document_allows(type_: RequestType) -> None:
    validator = jsonschema_rs.validator_for(SCHEMAS[f"{type_.name.capitalize()}Request"])
    whole = {field.name: field.default for field in FIELDS.values()}
    assert validator.is_valid(whole) and is_accepted(whole, type_)

    @settings(deadline=None)
    @given(st.sampled_from(sorted(FIELDS)), VALUES)
    def check(name: str, value: Any) -> None:
        request = {**whole, name: value}
        assert validator.is_valid(request) is is_accepted(request, type_), (name, value)
        del request[name]
        assert validator.is_valid(request) is is_accepted(request, type_), name

    check()


def test_every_route_and_reply_is_there() -> None:
    assert DOCUMENT["paths"].keys() == ROUTES.keys()
    assert DOCUMENT["info"]["version"] == "1.2.3"
    for path, type_ in ROUTES.items():
        assert DOCUMENT["paths"][path].keys() == {"get", "post"}
        reply = DOCUMENT["paths"][path]["post"]["responses"]["200"]
        schema = {**reply["content"]["application/json"]["schema"], "components": {}}
        schema["components"]["schemas"] = SCHEMAS
        validator = jsonschema_rs.validator_for(schema)
        said = requests.success(type_)
        if type_ is RequestType.INFERENCE:
            assert not validator.is_valid(said)
            said["data"] = None
        assert validator.is_valid(said)
        assert validator.is_valid(requests.refusal("why"))
        assert not validator.is_valid({**said, "more": 1})
        assert not validator.is_valid({"flag": 3, "message": "why"})


def test_the_command_prints_it() -> None:
    done = subprocess.run(
        [*dubhe_command(), "openapi"], env=clean_environ(), capture_output=True, timeout=20
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout) == openapi.document(dubhe_sdk.__version__)
