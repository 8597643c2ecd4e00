"""Query parameters and JSON bodies, checked."""

from __future__ import annotations

import math
from typing import Any

import falcon

from dubhe_simulator.contract.json_safe import LARGEST, decode
from dubhe_simulator.errors import Refused

BODY_LIMIT = 16 * 1024 * 1024


def whole(
    req: falcon.Request, name: str, default: int | None, least: int = 0, most: int = LARGEST
) -> int | None:
    """Return a whole number; ``most`` at most.

    Raises:
        Refused: it is none.
    """
    text = req.get_param(name)
    if text is None or text == "":
        return default
    if not text.lstrip("-").isdecimal() or len(text) > 17 or int(text) < least:
        raise Refused(f"{name} is {text!r}, expected a whole number from {least}", 400)
    return min(int(text), most)


def required(req: falcon.Request, name: str) -> int:
    """Return a whole number that has to be there.

    Raises:
        Refused: it is missing or none.
    """
    value = whole(req, name, None)
    if value is None:
        raise Refused(f"{name} is missing, expected a whole number", 400)
    return value


def decimal(req: falcon.Request, name: str, default: float | None = None) -> float | None:
    """Return a finite number.

    Raises:
        Refused: it is none.
    """
    text = req.get_param(name)
    if text is None or text == "":
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Refused(f"{name} is {text!r}, expected a number", 400)
    return value


def choice(req: falcon.Request, name: str, choices: tuple[str, ...], default: str) -> str:
    """Return one of the choices.

    Raises:
        Refused: it is another.
    """
    text = req.get_param(name) or default
    if text not in choices:
        raise Refused(f"{name} is {text!r}, expected one of {', '.join(choices)}", 400)
    return text


def body_of(req: falcon.Request) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    Raises:
        Refused: it is too large or no JSON object.
    """
    if (req.content_length or 0) > BODY_LIMIT:
        raise Refused(
            f"the body has {req.content_length} bytes, expected at most {BODY_LIMIT}", 413
        )
    raw = req.bounded_stream.read(BODY_LIMIT + 1)
    if not raw:
        return {}
    try:
        value = decode(raw.decode(), names_of_files=True)
    except ValueError as error:
        raise Refused(f"the body is not JSON: {error}", 400) from None
    if not isinstance(value, dict):
        raise Refused("the body is not a JSON object", 400)
    return value


def text_in(body: dict[str, Any], name: str, *, optional: bool = False) -> str | None:
    """Return a text of the body.

    Raises:
        Refused: it is missing or no text.
    """
    value = body.get(name)
    if value is None and optional:
        return None
    if not isinstance(value, str) or not value or "\0" in value:
        raise Refused(f"{name} is {value!r}, expected a text", 400)
    return value


def object_in(body: dict[str, Any], name: str, *, optional: bool = False) -> dict[str, Any] | None:
    """Return an object of the body.

    Raises:
        Refused: it is missing or no object.
    """
    value = body.get(name)
    if value is None and optional:
        return None
    if not isinstance(value, dict):
        raise Refused(f"{name} is {value!r}, expected an object", 400)
    return value
