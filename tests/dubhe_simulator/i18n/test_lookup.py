"""The messages, and which language they come in."""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import dubhe_simulator
from dubhe_simulator.i18n import translate
from dubhe_simulator.i18n.lookup import catalog

PACKAGE = Path(dubhe_simulator.__file__).parent
ENGLISH = catalog("en")
CHINESE = catalog("zh")


def fields(text: str) -> list[tuple[str, str]]:
    """Return names and formats of the placeholders, sorted."""
    parsed = string.Formatter().parse(text)
    return sorted((name, form or "") for _, name, form, _ in parsed if name is not None)


def strings() -> Iterator[str]:
    """Yield a pattern for each string of the package's code; a placeholder matches a word."""
    for path in PACKAGE.rglob("*.py"):
        if "files" in path.relative_to(PACKAGE).parts:
            continue  # the template's: copied, not run
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.escape(node.value)
            elif isinstance(node, ast.JoinedStr):
                yield "".join(
                    re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[a-z]+"
                    for part in node.values
                )


def translated() -> Iterator[str]:
    """Yield the keys that the code names in a call of ``translate``."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "translate":
                key = node.args[0]
                if isinstance(key, ast.IfExp):
                    yield from (str(ast.literal_eval(one)) for one in (key.body, key.orelse))
                elif isinstance(key, ast.Constant):
                    yield str(key.value)


def test_both_languages_have_the_same_keys_in_the_same_order() -> None:
    assert list(ENGLISH) == list(CHINESE)


@pytest.mark.parametrize("key", ENGLISH)
def test_both_languages_have_the_same_placeholders(key: str) -> None:
    assert ENGLISH[key] and CHINESE[key]
    assert fields(ENGLISH[key]) == fields(CHINESE[key])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_key_is_there_twice(language: str) -> None:
    text = (PACKAGE / "i18n" / f"{language}.json").read_text("utf-8")
    keys = [key for key, _ in json.loads(text, object_pairs_hook=list)]
    assert len(keys) == len(set(keys))


def test_every_key_that_the_code_names_is_there() -> None:
    assert set(translated()) <= set(ENGLISH)


def test_every_key_is_used() -> None:
    # A whole string of the code is the key, or an f-string that it matches.
    used = re.compile("|".join(set(strings()) - {"[a-z]+"}))
    assert [key for key in ENGLISH if not used.fullmatch(key)] == []


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
