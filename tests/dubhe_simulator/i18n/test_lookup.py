"""The messages, and which language they come in."""

from __future__ import annotations

import string

import pytest

from dubhe_simulator.i18n import translate
from dubhe_simulator.i18n.lookup import MESSAGES, MODULES


def fields(text: str) -> list[tuple[str, str]]:
    """Return names and formats of the placeholders, sorted."""
    parsed = string.Formatter().parse(text)
    return sorted((name, form or "") for _, name, form, _ in parsed if name is not None)


@pytest.mark.parametrize("key", MESSAGES)
def test_both_languages_are_there_with_the_same_placeholders(key: str) -> None:
    english, chinese = MESSAGES[key]
    assert english and chinese
    assert fields(english) == fields(chinese)


def test_no_key_is_used_twice() -> None:
    assert sum(len(module.MESSAGES) for module in MODULES) == len(MESSAGES)


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
    assert translate("kind_train") == expected
