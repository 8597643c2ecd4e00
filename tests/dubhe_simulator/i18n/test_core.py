from __future__ import annotations

import string

import pytest

from dubhe_simulator.i18n.core import WORDS, say


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_have_the_same_placeholders(key: str) -> None:
    def names(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    english, chinese = WORDS[key]
    assert names(english) == names(chinese)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "训练"),
        ({"LANG": "en_US.UTF-8"}, "training"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "training"),
        ({"LANG": ""}, "training"),
    ],
)
def test_the_locale_decides(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert say("kind_train") == expected
