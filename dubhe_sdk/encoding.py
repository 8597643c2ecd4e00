"""JSON for messages: always valid, never an exception.

Rules, the same with and without orjson:

* NaN and infinity become the strings ``"NaN"``, ``"Infinity"``, ``"-Infinity"``, since JSON has
  no such numbers. This is the JSON mapping of protobuf, which Jackson and others read back.
* numpy and torch scalars and arrays become numbers and lists; sets and tuples lists; paths and
  enum members their text or value; anything else its ``str()``.
* text that is not valid Unicode (file names with strange bytes) has the bad parts replaced by ?.
"""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

try:
    import orjson

    _orjson_dumps: Callable[..., bytes] | None = orjson.dumps
    _OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
except ImportError:
    _orjson_dumps = None
    _OPTIONS = 0

_MAX_DEPTH = 200


def non_finite_word(value: float) -> str:
    """Return the text that stands for a float that JSON cannot express."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def dumps(value: Any) -> bytes:
    """Return ``value`` as UTF-8 JSON by the rules above. Never raises, whatever ``value`` holds."""
    if _orjson_dumps is not None:
        try:
            out = _orjson_dumps(value, default=_plain_leaf, option=_OPTIONS)
        except (TypeError, ValueError, RecursionError):
            return _dumps_slowly(value)
        # orjson writes NaN and infinity as null without a word.
        return _dumps_slowly(value) if b"null" in out else out
    try:
        return json.dumps(
            value, default=_plain_leaf, allow_nan=False, ensure_ascii=False, separators=(",", ":")
        ).encode()
    except (TypeError, ValueError, RecursionError):  # ValueError covers UnicodeEncodeError
        return _dumps_slowly(value)


def dumps_numbers(data: dict[str, Any]) -> bytes:
    """Return a flat dict of finite numbers or texts as JSON, by the fastest way."""
    if _orjson_dumps is not None:
        try:
            return _orjson_dumps(data)
        except TypeError:  # an integer beyond 64 bits, a key that is no text or bad Unicode
            return _dumps_slowly(data)
    try:
        return json.dumps(data, separators=(",", ":")).encode()
    except TypeError:
        return _dumps_slowly(data)


def _dumps_slowly(value: Any) -> bytes:
    plain = _plain(value, 0)
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _plain(value: Any, depth: int) -> Any:
    """Return a copy of ``value`` that consists of JSON's types alone."""
    if value is None or isinstance(value, (bool, str)):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else non_finite_word(value)
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in value]
    return _plain(_plain_leaf(value), depth + 1)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else str(_plain_leaf(key))


def _plain_leaf(value: Any) -> Any:
    """Return something simpler in place of a value that JSON does not know."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    # numpy arrays and scalars, torch tensors of any device: all have tolist().
    tolist = getattr(value, "tolist", None)
    if callable(tolist):
        try:
            plain = tolist()
        except (TypeError, ValueError, RuntimeError):
            return _text(value)
        if type(plain) is not type(value):
            return plain
    return _text(value)


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a __str__ may raise anything; it is told in the text
        return f"<{type(value).__name__} whose text raised {type(error).__name__}>"
