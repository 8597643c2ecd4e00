"""What an algorithm raised, in words."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from types import TracebackType

_HERE = Path(__file__).parent


def describe(error: BaseException) -> str:
    """Return the exception's type and text, for messages and replies."""
    return f"{type(error).__name__}: {text_of(error)}{_hint(error)}"


def _hint(error: BaseException) -> str:
    """Return what else helps: names of dubhe-sdk 2.x that this package does not have."""
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] == "dubhe_sdk":
        return (
            f" ({error.name} was a part of dubhe-sdk 2.x; see the page on migrating from 2.x. "
            "`dubhe check` lists such names)"
        )
    return ""


def text_of(error: BaseException) -> str:
    """Return the exception's text, even if its ``__str__`` raises."""
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - foreign code; named in the text
        return f"(its text raised {type(second).__name__})"


def is_success(error: BaseException) -> bool:
    """Return whether it is ``sys.exit()`` or ``sys.exit(0)``."""
    return isinstance(error, SystemExit) and error.code in (None, 0)


def log_failure(log: logging.Logger, what: str, error: BaseException) -> None:
    """Write the traceback to the log, from the algorithm's first line on."""
    lines = traceback.format_exception(type(error), error, _of_the_algorithm(error))
    log.error("%s:\n%s", what, "".join(lines).rstrip())


def _of_the_algorithm(error: BaseException) -> TracebackType | None:
    """Return the traceback without this package's lines that lead to the algorithm's."""
    first = error.__traceback__
    while first is not None and Path(first.tb_frame.f_code.co_filename).parent == _HERE:
        first = first.tb_next
    if first is None and not isinstance(error, SyntaxError):  # it names its line itself
        return error.__traceback__
    return first
