from __future__ import annotations

import string

import pytest

from dubhe_simulator.i18n.container import WORDS as CONTAINER_WORDS
from dubhe_simulator.i18n.template import WORDS as TEMPLATE_WORDS


@pytest.mark.parametrize("words", [CONTAINER_WORDS, TEMPLATE_WORDS])
def test_both_languages_have_the_same_placeholders(words: dict[str, tuple[str, str]]) -> None:
    def names(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    for key, (english, chinese) in words.items():
        assert names(english) == names(chinese), key
