"""The service's HTTP interface as an OpenAPI 3.1 document, made from `dubhe_sdk.contract.requests`.

Nothing is written down twice: routes, fields, types, defaults and messages come from the tables
that the service itself checks with. It is printed by `dubhe openapi` and not served: the port
and its four routes are the platform's contract.
"""

from __future__ import annotations

from typing import Any

from dubhe_sdk.contract import requests
from dubhe_sdk.contract.requests import FIELDS, FLAG_REFUSED, ROUTES, RequestType

_SUMMARIES = {
    RequestType.HEARTBEAT: "Ask whether the service is there.",
    RequestType.TRAIN: "Start a training; it goes on in the background.",
    RequestType.PREDICT: "Start an evaluation; it goes on in the background.",
    RequestType.INFERENCE: "Run an inference and wait for its result.",
}
_DESCRIPTION = (
    "Every reply to a request that could be read has status 200: `flag` is 1 if it was "
    "accepted. Keys that are not named here reach the algorithm as they are. A JSON string that "
    "itself contains the request is accepted too. `instance_id` has to be the instance's own if "
    "the platform started it."
)
# What cannot be read as an HTTP request, and what names no route.
_BROKEN = {
    "400": "The request is not valid HTTP.",
    "404": "There is no such route.",
    "405": "The method is neither GET nor POST.",
    "414": "The request line is too long.",
    "417": "An unknown expectation.",
    "431": "Too many header lines, or too long ones.",
    "501": "An unknown transfer coding.",
}


def document(version: str) -> dict[str, Any]:
    """Return the document, JSON-serialisable.

    Args:
        version: of this package.
    """
    paths = {
        path: {
            method: _operation(type_, method == "get" and type_ is RequestType.HEARTBEAT)
            | {"operationId": f"{method}_{type_.name.lower()}"}
            for method in ("get", "post")
        }
        for path, type_ in ROUTES.items()
    }
    schemas = {_schema_name(type_): _request(type_) for type_ in RequestType}
    schemas["Refusal"] = _reply(
        {"flag": {"const": FLAG_REFUSED}, "message": {"type": "string", "minLength": 1}}
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "dubhe-sdk service", "version": version, "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(type_: RequestType, bodiless: bool) -> dict[str, Any]:
    body = {
        "required": type_ is not RequestType.HEARTBEAT,
        "content": {"application/json": {"schema": _reference(_schema_name(type_))}},
    }
    success: dict[str, Any] = {
        key: {"const": value} for key, value in requests.success(type_).items()
    }
    if type_ is RequestType.INFERENCE:
        success["data"] = {"description": "What the algorithm's method returned."}
    answered = {"oneOf": [_reply(success), _reference("Refusal")]}
    broken = {
        status: {"description": text, "content": _json(_reference("Refusal"))}
        for status, text in _BROKEN.items()
    }
    return {
        "summary": _SUMMARIES[type_],
        **({} if bodiless else {"requestBody": body}),
        "responses": {
            "200": {"description": "Accepted or refused.", "content": _json(answered)},
            **broken,
        },
    }


def _request(type_: RequestType) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "req_type": _or_null({"type": "integer", "enum": [int(type_)]}),
        "instance_id": {"type": "string"},
    }
    if type_ is not RequestType.HEARTBEAT:
        properties["special_params"] = {"description": "Business parameters, for the algorithm."}
        for field in FIELDS.values():
            if type_ in field.used_by:
                properties[field.name] = {**_or_null(field.schema), "default": field.default}
    return {"type": "object", "properties": properties}


def _or_null(schema: Any) -> dict[str, Any]:
    """Return the schema of a field that may be null, which counts as absent."""
    if "anyOf" in schema:
        return {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    nullable = {**schema, "type": [*types, "null"]}
    if "enum" in nullable:
        nullable["enum"] = [*nullable["enum"], None]
    return nullable


def _reply(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _reference(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _schema_name(type_: RequestType) -> str:
    return f"{type_.name.capitalize()}Request"
