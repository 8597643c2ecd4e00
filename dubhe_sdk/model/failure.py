"""What an algorithm raised, in words."""

from __future__ import annotations

import logging
import traceback


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
    """Write the traceback to the log."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    log.error("%s:\n%s", what, "".join(lines).rstrip())
