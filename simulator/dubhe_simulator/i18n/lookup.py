"""Looking up a message in the user's language.

The messages are in ``en.json`` and ``zh.json``, which have the same keys and placeholders.

The language follows the locale: ``LC_ALL``, ``LC_MESSAGES``, ``LANG``; Chinese if it begins with
``zh``. A request of the page has a language of its own, which `set_language` sets for its thread.
"""

from __future__ import annotations

import json
import os
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Literal, cast

Language = Literal["en", "zh"]

_language: ContextVar[Language | None] = ContextVar("language", default=None)


def translate(key: str, **values: object) -> str:
    """Return a message in the user's language.

    Args:
        key: its key in the catalogs.
        values: the values of its placeholders.
    """
    return catalog(current_language())[key].format(**values)


def current_language() -> Language:
    """Return the language of this thread or context."""
    return _language.get() or _of_locale()


def set_language(language: Language | None) -> None:
    """Use a language in this thread or context from now on; None: the locale's."""
    _language.set(language)


@cache
def catalog(language: Language) -> dict[str, str]:
    """Return the messages of a language by key; its file is read once."""
    path = Path(__file__).with_name(f"{language}.json")
    return cast("dict[str, str]", json.loads(path.read_text("utf-8")))


def _of_locale() -> Language:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"
