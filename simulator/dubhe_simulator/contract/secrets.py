"""Requests as they may be shown: without what looks like a secret in `special_params`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "********"
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET = {
    "password", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "credential",
    "credentials", "key", "apikey",
}  # fmt: skip


def is_secret(name: str) -> bool:
    """Return whether a parameter's name has a word for a secret: ``apiKey``, not ``keypoints``."""
    return any(word.lower() in _SECRET for word in _WORDS.findall(name))


def without_secrets(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request in which the secrets of ``special_params`` are `MASK`."""
    shown = dict(body)
    if isinstance(shown.get("special_params"), Mapping):
        shown["special_params"] = _masked(shown["special_params"])
    return shown


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: MASK if is_secret(str(name)) and inner not in (None, "") else _masked(inner)
            for name, inner in value.items()
        }
    return [_masked(inner) for inner in value] if isinstance(value, list) else value
