"""What an algorithm raised, in words."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from types import TracebackType

from dubhe_sdk.check.report import check
from dubhe_sdk.compat import refusal

_HERE = Path(__file__).parent


def describe(error: BaseException) -> str:
    """Return the exception's type and text, for messages and replies."""
    return f"{type(error).__name__}: {text_of(error)}{_hint(error)}"


def _hint(error: BaseException) -> str:
    """Return what else helps: what takes the place of names that dubhe-sdk 2.x had.

    Python's own text says no more than that a name cannot be imported.
    """
    module = error.name or "" if isinstance(error, ImportError) else ""
    if module.partition(".")[0] != "dubhe_sdk":
        return ""
    hint = refusal(module) or "see the page on migrating if it is a name of dubhe-sdk 2.x"
    return "" if hint in text_of(error) else f" ({hint})"


def log_hints(log: logging.Logger, app: Path) -> None:
    """Write to the log what `dubhe check` finds wrong, if an algorithm could not be constructed."""
    if app.suffix != ".py":  # compiled
        return
    try:
        problems = check(app).problems
    except Exception as error:  # noqa: BLE001 - the cause of the failure has been logged
        log.warning("dubhe check cannot read the algorithm: %s", describe(error))
        return
    for problem in problems:
        log.error("dubhe check: %s", problem)


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
