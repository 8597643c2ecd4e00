"""The versions of frameworks that the guide names are those that the tests install."""

from __future__ import annotations

import re

import pytest

from tests.docs.markdown import LANGUAGES, ROOT
from tests.examples import torch_environment
from tests.integrations import boost_environment, keras_environment

PINNED = {
    requirement.partition("==")[2]
    for requirement in (
        *torch_environment.PACKAGES,
        *boost_environment.PACKAGES,
        *boost_environment.MINDSPORE,
        *keras_environment.PACKAGES,
    )
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_of_frameworks(language: str) -> None:
    text = (ROOT / "docs" / language / "guides" / "frameworks.md").read_text("utf-8")
    rows = re.findall(r"^\| .* \| `dubhe_sdk\.[\w.]+` \|$", text, re.MULTILINE)
    modules = {path.stem for path in (ROOT / "dubhe_sdk" / "integrations").glob("*.py")}
    assert len(rows) > 10
    for row in rows:
        versions = re.findall(r"\d+(?:\.\d+)+", row)
        assert versions and set(versions) <= PINNED, row
        module = row.rstrip("` |").rpartition(".")[2]
        assert module in modules or module == "track", row
