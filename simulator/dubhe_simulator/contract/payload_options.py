"""The body of a request as a command line describes it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dubhe_simulator.errors import CannotStart
from dubhe_simulator.i18n import translate


def read_body(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        CannotStart: there is none.
    """
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CannotStart(translate("send_bad_body", path=path, error=error)) from error
    if not isinstance(value, dict):
        raise CannotStart(translate("not_json", option="--body", value=path))
    return value


def json_object(option: str, value: str | None) -> dict[str, Any]:
    """Return the JSON object that an option gives; an empty one if it gives none.

    Raises:
        CannotStart: it is no JSON object.
    """
    try:
        parsed = json.loads(value or "{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise CannotStart(translate("not_json", option=option, value=value))
    return parsed


def set_fields(body: dict[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """Return the body with fields set by ``KEY=VALUE``; VALUE is JSON, or else a text.

    Raises:
        CannotStart: a setting has no ``=`` or no key.
    """
    changed = dict(body)
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise CannotStart(translate("send_bad_set", text=setting))
        try:
            changed[name] = json.loads(text)
        except ValueError:
            changed[name] = text
    return changed
