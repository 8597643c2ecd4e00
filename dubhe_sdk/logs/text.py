"""The text of a line that an algorithm logs: whatever it is given, and never too long."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping
from typing import Any

MAX_CHARACTERS = 64 * 1024


def log_text(msg: object, args: tuple[object, ...], exc_info: Any = None) -> str:
    """Return the text of ``ctx.log(msg, *args, exc_info=…)``. Raises nothing.

    Args:
        msg: the text, with ``%`` places for ``args`` as in `logging`.
        args: what belongs in the places; appended if they do not fit.
        exc_info: an exception, a tuple as of `sys.exc_info`, or whether to add the current one.
    """
    try:
        named = args[0] if len(args) == 1 and isinstance(args[0], Mapping) else None
        text = str(msg) % (named or args) if args else str(msg)
    except Exception:  # noqa: BLE001 - text of the algorithm's objects; the line shows what is wrong
        text = " ".join(_text_of(value) for value in (msg, *args))
    if exc_info:
        text = f"{text}\n{_traceback_of(exc_info)}"
    if len(text) > MAX_CHARACTERS:
        text = f"{text[:MAX_CHARACTERS]}… ({len(text)} characters)"
    return text


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - as above
        return f"<{type(value).__name__}: its text raised {type(error).__name__}>"


def _traceback_of(exc_info: Any) -> str:
    error = exc_info
    if isinstance(exc_info, tuple):
        error = exc_info[1] if len(exc_info) > 1 else None
    elif not isinstance(exc_info, BaseException):
        error = sys.exc_info()[1]
    if not isinstance(error, BaseException):
        return "(there is no exception)"
    try:
        return "".join(traceback.format_exception(error)).rstrip()
    except Exception as second:  # noqa: BLE001 - as above
        return f"{type(error).__name__} (its traceback raised {type(second).__name__})"
