"""Looking up a message in the user's language.

The language follows the locale: ``LC_ALL``, ``LC_MESSAGES``, ``LANG``; Chinese if it begins with
``zh``. A request of the page has a language of its own, which `set_language` sets for its thread.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import Literal

from dubhe_simulator.i18n import build, common, docker, init, run, send, ui

Language = Literal["en", "zh"]

MODULES = (common, ui, send, docker, build, run, init)
MESSAGES: dict[str, tuple[str, str]] = {
    key: texts for module in MODULES for key, texts in module.MESSAGES.items()
}

_language: ContextVar[Language | None] = ContextVar("language", default=None)


def translate(key: str, **values: object) -> str:
    """Return a message in the user's language.

    Args:
        key: its key in `MESSAGES`.
        values: the values of its placeholders.
    """
    return MESSAGES[key][_column()].format(**values)


def set_language(language: Language | None) -> None:
    """Use a language in this thread or context from now on; None: the locale's."""
    _language.set(language)


def _column() -> int:
    language = _language.get()
    if language is not None:
        return int(language == "zh")
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return int(value.lower().startswith("zh"))
    return 0
