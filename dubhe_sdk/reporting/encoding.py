"""JSON for messages: always valid, never an exception.

Rules, the same with and without orjson:

* NaN and infinity become the strings ``"NaN"``, ``"Infinity"``, ``"-Infinity"``, since JSON has
  no such numbers. This is the JSON mapping of protobuf, which Jackson and others read back.
* numpy and torch scalars and arrays become numbers and lists; sets and tuples lists; enum members
  their value; anything else, such as paths, dates and bytes, its ``str()``.
* whole numbers longer than Python writes in digits become hexadecimal texts.
* text that is not valid Unicode (file names with strange bytes) has the bad parts replaced by ?.
* what contains itself, or is nested deeper than 200 levels, ends in "…".
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
    _OPTIONS = (
        orjson.OPT_NON_STR_KEYS
        | orjson.OPT_SERIALIZE_NUMPY
        | orjson.OPT_PASSTHROUGH_DATACLASS
        | orjson.OPT_PASSTHROUGH_DATETIME
    )
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
        except TypeError:  # an integer beyond 64 bits, a key that is not text, or bad Unicode
            return _dumps_slowly(data)
    try:
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError):  # the same, and an integer that has too many digits
        return _dumps_slowly(data)


def _dumps_slowly(value: Any) -> bytes:
    plain = _plain(value, ())
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    """Return a copy of ``value`` that consists of JSON's types alone.

    Args:
        value: anything.
        above: ids of the values that contain it.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return _plain(value.value, above)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return _whole(int(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else non_finite_word(value)
    if id(value) in above or len(above) > _MAX_DEPTH:
        return "…"
    above = (*above, id(value))
    if isinstance(value, dict):
        return {_key(key): _plain(item, above) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, above) for item in value]
    return _plain(_plain_leaf(value), above)


def _whole(value: int) -> int | str:
    try:
        str(value)
    except ValueError:  # longer than sys.get_int_max_str_digits()
        return hex(value)
    return value


def _key(key: Any) -> str:
    """Return a key as the encoders write it: texts as they are, None and bools in JSON's words."""
    if isinstance(key, enum.Enum):
        return _key(key.value)
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, bool):
        return json.dumps(key)
    return str(_whole(int(key))) if isinstance(key, int) else _text(key)


def _plain_leaf(value: Any) -> Any:
    """Return something simpler in place of a value that JSON cannot express. Never raises."""
    try:
        if isinstance(value, enum.Enum):
            return value.value
        if isinstance(value, (set, frozenset, tuple)):
            return list(value)
        if isinstance(value, Mapping):
            return dict(value)
        # numpy arrays and scalars, torch tensors of any device: all have tolist().
        tolist = getattr(value, "tolist", None)
        plain = tolist() if callable(tolist) else value
    except Exception:  # noqa: BLE001 - foreign types raise anything; they become texts
        return _text(value)
    return _text(value) if type(plain) is type(value) else plain


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a __str__ may raise anything; named in the text
        return f"<{type(value).__name__} whose text raised {type(error).__name__}>"
