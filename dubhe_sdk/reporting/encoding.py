"""JSON for messages and replies: always valid, never an exception.

What JSON cannot express is replaced by the rules of `dubhe_sdk.reporting.plain`, the same with and
without orjson. NaN and infinity become strings, since JSON has no such numbers: this is the JSON
mapping of protobuf, which Jackson and others read back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any

from dubhe_sdk.reporting.plain import Plain, plain_once

try:
    import orjson

    _orjson_dumps: Callable[..., bytes] | None = orjson.dumps
    _OPTIONS = (
        orjson.OPT_NON_STR_KEYS
        | orjson.OPT_SERIALIZE_NUMPY
        | orjson.OPT_PASSTHROUGH_DATACLASS
        | orjson.OPT_PASSTHROUGH_DATETIME
    )
except ImportError:
    _orjson_dumps = None
    _OPTIONS = 0

MAX_NAMES = 10_000  # a program that makes up a name for each call shall not fill the memory


def dumps(value: Any, warn: Callable[[str], None] | None = None, *, raising: bool = False) -> bytes:
    """Return ``value`` as UTF-8 JSON. Raises nothing, unless asked to, whatever ``value`` holds.

    Args:
        value: anything; iterators in it are read.
        warn: called with a warning, once for each type in this process whose values become texts.
        raising: whether an exception from an iterator that is read passes through.
    """
    if _orjson_dumps is not None:
        try:
            out = _orjson_dumps(value, default=plain_once, option=_OPTIONS)
        except (TypeError, ValueError, RecursionError):
            return _dumps_slowly(value, Plain(warn, raising=raising))
        # orjson writes NaN and infinity as null without a word.
        return _dumps_slowly(value, Plain(warn, raising=raising)) if b"null" in out else out
    try:
        return json.dumps(
            value, default=plain_once, allow_nan=False, ensure_ascii=False, separators=(",", ":")
        ).encode()
    except (TypeError, ValueError, RecursionError):  # ValueError covers UnicodeEncodeError
        return _dumps_slowly(value, Plain(warn, raising=raising))


def dumps_numbers(data: dict[str, Any]) -> bytes:
    """Return a flat dict of finite numbers or texts as JSON, by the fastest way."""
    if _orjson_dumps is not None:
        try:
            return _orjson_dumps(data)
        except TypeError:  # an integer beyond 64 bits, a key that is not text, or bad Unicode
            return _dumps_slowly(data, Plain())
    # Half the time of `json.dumps`, which makes an encoder for each call; more in cold caches.
    try:
        text = ",".join([f"{_names[name]}{value!r}" for name, value in data.items()])
        if "'" not in text:  # Python's quotes of a text that is no number
            return f"{{{text}}}".encode()
    except (TypeError, ValueError):  # the same, and an integer that has too many digits
        pass
    return _dumps_slowly(data, Plain())


class _Names(dict[str, str]):
    """Name of a metric → its JSON with the colon. Grows to `MAX_NAMES`."""

    def __missing__(self, name: str) -> str:
        text = f"{encode_basestring(name)}:"
        if len(self) < MAX_NAMES:
            self[name] = text
        return text


_names = _Names()


def _dumps_slowly(value: Any, plain: Plain) -> bytes:
    return json.dumps(plain.copy(value), ensure_ascii=False, separators=(",", ":")).encode()
