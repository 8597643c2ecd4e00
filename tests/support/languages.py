"""A text as both kinds of readers get it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context

from dubhe_simulator.i18n import Language, set_language


def in_both_languages(text: Callable[[], str]) -> tuple[str, str]:
    """Return what a function returns in English and in Chinese."""
    return _in("en", text), _in("zh", text)


def _in(language: Language, text: Callable[[], str]) -> str:
    def run() -> str:
        set_language(language)
        return text()

    return copy_context().run(run)
