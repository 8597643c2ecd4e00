"""Values from outside that files and databases can hold, whatever was sent."""

from __future__ import annotations

import json
import re
from typing import Any

DEEPEST = 256  # the SDK itself stops at 200 levels
LARGEST = 2**53  # of whole numbers that JavaScript holds exactly
DIGITS = 15  # of whole numbers that are certainly below it
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def decode(text: str, *, names_of_files: bool = False) -> Any:
    """Return the value of a JSON text.

    Halves of characters (lone surrogates, which no UTF-8 can hold) become question marks.

    Args:
        text: the JSON.
        names_of_files: keep such halves: they are what `to_bytes` wrote of a file's name.

    Raises:
        ValueError: it is not JSON, or is nested too deeply.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        if not names_of_files and _HALF_CHARACTER.search(text):
            value = json.loads(encode(value))
    except RecursionError:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels") from None
    if text.count("[") + text.count("{") > DEEPEST and _is_deep(value):
        raise ValueError(f"it is nested deeper than {DEEPEST} levels")
    return value


def encode(value: Any) -> str:
    """Return a value as JSON in valid Unicode."""
    return sanitize(json.dumps(value, ensure_ascii=False))


def to_bytes(value: Any, **options: Any) -> bytes:
    r"""Return a value as JSON in UTF-8, with names of files whatever their bytes are.

    A byte that is not UTF-8 is half a character in Python's text. It becomes its escape
    (``\udcbf``), which every reader of JSON turns back into the same half, and so into the same
    file.

    Args:
        value: the value.
        options: of `json.dumps`.
    """
    # Such halves occur in strings alone, where Python's escape is JSON's as well.
    return json.dumps(value, ensure_ascii=False, **options).encode("utf-8", "backslashreplace")


def sanitize(text: str) -> str:
    """Return a text in valid Unicode."""
    return text.encode("utf-8", "replace").decode()


def storable(text: str) -> str:
    """Return a text in valid Unicode that differs from every other one: a file's name as a key."""
    return text.encode("utf-8", "backslashreplace").decode()


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        if not inner:
            return False
        level = inner
    return True


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
