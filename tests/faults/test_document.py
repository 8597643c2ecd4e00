"""The tests that the document names exist, and both languages name the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("docs/en/delivery.md", "docs/zh/delivery.md")
_NAMED = re.compile(r"`(?P<file>[a-z_/]+\.py)(?:::(?P<test>test_\w+))?")


def named(document: str) -> set[tuple[str, str]]:
    text = (ROOT / document).read_text("utf-8")
    return {(one["file"], one["test"] or "") for one in _NAMED.finditer(text)}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_named_test_exists(document: str) -> None:
    tests = named(document)
    assert len(tests) > 15
    for file, test in sorted(tests):
        path = ROOT / file if file.startswith("tests/") else ROOT / "tests" / file
        assert path.is_file(), f"{document} names {file}"
        assert f"def {test}" in path.read_text("utf-8"), f"{document} names {file}::{test}"


def test_both_languages_name_the_same_tests() -> None:
    english, chinese = map(named, DOCUMENTS)
    assert english == chinese
