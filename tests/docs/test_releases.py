"""The releases of Kafka that the documents name are those that brokers of the tests are."""

from __future__ import annotations

import re

import pytest

from tests.docs.markdown import LANGUAGES, ROOT
from tests.kafka.releases import CURRENT, RELEASES

NUMBERS = [release.kafka for release in RELEASES]


@pytest.mark.parametrize("language", LANGUAGES)
def test_operations_names_each_release(language: str) -> None:
    text = (ROOT / "docs" / language / "operations.md").read_text("utf-8")
    [paragraph] = [part for part in text.split("\n\n") if "test_releases.py" in part]
    assert re.findall(r"\d+\.\d+\.\d+", paragraph) == [*NUMBERS, CURRENT.kafka]


def test_the_changelog_names_each_release() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    [sentence] = re.findall(r"Tested against brokers of Kafka ([^\n]*)\.", text)
    assert re.findall(r"\d+\.\d+\.\d+", sentence) == NUMBERS
