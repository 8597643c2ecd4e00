"""JSON's own types in place of whatever an algorithm hands over. Never an exception.

* Arrays, tensors and scalars of any framework become numbers and lists.
* DataFrames of pandas and polars become lists of objects, one for each row.
* Mappings, dataclasses, attrs classes and pydantic models become objects.
* Sets, tuples, dict views, deques and every other collection become lists; so do iterators and
  generators, which are read.
* Enum members become their value; Fractions and other real numbers become floats.
* Paths, dates, times and UUIDs become their text, and so does everything else, with a warning.
* NaN and infinity become ``"NaN"``, ``"Infinity"``, ``"-Infinity"``; whole numbers longer than
  Python writes in digits become hexadecimal texts.
* Bytes that are not UTF-8, as in file names from other systems, become ``\\xNN`` in the text, so
  different names stay different.
* What contains itself, or is nested deeper than 200 levels, ends in "…".
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import io
import json
import math
import numbers
import os
import re
import uuid
from collections import UserString
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from dubhe_sdk.contract.tensors import is_tensor, to_plain

_MAX_DEPTH = 200
_LONGEST = 100  # characters of a foreign text in a warning

# Their text is what one would write for them.
_TEXTS = (datetime.date, datetime.time, datetime.timedelta, uuid.UUID, UserString)
# To read them as collections or iterators would not be meant.
_WHOLE = (type, bytes, bytearray, io.IOBase)

_LONE_SURROGATES = re.compile("[\ud800-\udc7f\udd00-\udfff]")

# What has been warned of in this process: names of types.
_warned: set[str] = set()


def non_finite_word(value: float) -> str:
    """Return the text that stands for a float that JSON cannot express."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def valid_text(text: str) -> str:
    r"""Return a text in valid Unicode.

    Python carries bytes that it could not decode as lone surrogates. They are put together and
    decoded as UTF-8; bytes that are not UTF-8 become ``\xNN``.
    """
    if text.isascii():
        return str.__str__(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = _LONE_SURROGATES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return str.__str__(text)


def plain_once(value: Any) -> Any:
    """Return something simpler for a value that an encoder does not know. Items stay as they are.

    Raises:
        TypeError: it takes `Plain`: an iterator, which can be read only once, or what becomes a
            text with a warning.
    """
    if isinstance(value, Iterator):
        raise TypeError("an iterator can be read only once")
    try:
        simpler = _simpler(value)
    except Exception as error:
        raise TypeError(f"{type(value).__name__} cannot be read") from error
    if simpler is value:
        raise TypeError(f"{type(value).__name__} becomes a text")
    return simpler


class Plain:
    """Copies values into JSON's types alone, by the rules of this module.

    Args:
        warn: called with a warning, once for each type in this process whose values become texts.
        raising: whether an exception from an iterator that is read passes through. Otherwise the
            iterator becomes a text.
    """

    def __init__(self, warn: Callable[[str], None] | None = None, *, raising: bool = False) -> None:
        self._warn = warn
        self._raising = raising

    def copy(self, value: Any, above: tuple[int, ...] = ()) -> Any:
        """Return the copy.

        Args:
            value: anything.
            above: ids of the values that contain it.
        """
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, enum.Enum):
            return self.copy(value.value, above)
        if isinstance(value, str):
            return valid_text(value)
        if isinstance(value, int):
            return _whole(int(value))
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else non_finite_word(value)
        if id(value) in above or len(above) > _MAX_DEPTH:
            return "…"
        above = (*above, id(value))
        if isinstance(value, dict):
            return {_key(key): self.copy(item, above) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.copy(item, above) for item in value]
        try:
            simpler = _simpler(value)
        except Exception as error:  # foreign types raise anything; they become texts
            if self._raising and isinstance(value, Iterator):
                raise
            reason = f"{type(error).__name__}: {_text(error)}"
            return self._text(value, f"cannot be read ({reason[:_LONGEST]})")
        if simpler is value:
            return self._text(value, "JSON cannot express")
        return self.copy(simpler, above)

    def _text(self, value: Any, why: str) -> str:
        text = valid_text(_text(value))
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        if self._warn is not None and name not in _warned:
            _warned.add(name)
            self._warn(
                f"a result holds a {name}, which {why}: its text is sent, {text[:_LONGEST]!r}; "
                "expected numbers, texts, lists and objects (logged once for this type)"
            )
        return text


def _simpler(value: Any) -> Any:
    """Return something simpler, or the value itself if only its text is left."""
    simpler = _take_apart(value)
    return value if type(simpler) is type(value) else simpler


def _take_apart(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, _TEXTS):
        return str(value)
    if isinstance(value, _WHOLE):
        return value
    if isinstance(value, numbers.Real):
        return float(value)
    if type(value).__name__ == "DataFrame":
        return _rows(value)
    if is_tensor(value):
        return to_plain(value)
    fields = _fields(value)
    if fields is not None:
        return fields
    if isinstance(value, (Collection, Iterator)):
        return list(value)
    return value


def _rows(frame: Any) -> Any:
    """Return a DataFrame's rows by the names of its columns; by itself it would be without them."""
    to_dicts = getattr(frame, "to_dicts", None)  # polars
    return to_dicts() if callable(to_dicts) else frame.to_dict(orient="records")


def _fields(value: Any) -> dict[str, Any] | None:
    """Return the fields of a dataclass, an attrs class or a pydantic model, by their names."""
    if dataclasses.is_dataclass(value):
        declared: Any = dataclasses.fields(value)
    else:
        declared = getattr(type(value), "__attrs_attrs__", None)
    if declared is not None:
        names = [field.name for field in declared]
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    dump = getattr(type(value), "model_dump", None)
    return dict(dump(value)) if callable(dump) else None


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
        return valid_text(key)
    if key is None or isinstance(key, bool):
        return json.dumps(key)
    return str(_whole(int(key))) if isinstance(key, int) else valid_text(_text(key))


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a __str__ may raise anything; named in the text
        return f"<{type(value).__name__} whose text raised {type(error).__name__}>"
