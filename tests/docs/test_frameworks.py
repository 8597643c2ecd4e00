"""The versions of frameworks that the guide names are those that the tests install."""

from __future__ import annotations

import re

import pytest

from tests.docs.markdown import LANGUAGES, ROOT
from tests.examples import torch_environment
from tests.integrations import boost_environment, keras_environment
from tests.integrations.openmmlab_environment import PACKAGES as OPENMMLAB

PINNED = {
    requirement.partition("==")[2]
    for requirement in (
        *torch_environment.PACKAGES,
        *boost_environment.PACKAGES,
        *boost_environment.MINDSPORE,
        *keras_environment.PACKAGES,
    )
}

COLUMNS = 5
# What people call of an integration; other modules there are shared by several.
ENTRY = re.compile(r"^(class Dubhe\w+|def (report|follow|report_detections)\()", re.MULTILINE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_of_frameworks(language: str) -> None:
    text = (ROOT / "docs" / language / "guides" / "frameworks.md").read_text("utf-8")
    header, _, *lines = re.findall(r"^\|.*\|$", text.partition("\n## ")[0], re.MULTILINE)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    folder = ROOT / "dubhe_sdk" / "integrations"
    modules = {path.stem for path in folder.glob("*.py") if ENTRY.search(path.read_text("utf-8"))}
    assert header.count("|") == 1 + COLUMNS
    assert sorted(row[2].strip("`") for row in rows) == sorted({*modules, "dubhe_sdk.track"})
    for row in rows:
        assert len(row) == COLUMNS and all(row), row
        versions = re.findall(r"\d+(?:\.\d+)+", f"{row[0]} {row[1]}")
        assert set(versions) <= PINNED, row
        assert versions or row[2] == "`paddle_tools`", "not installed: the tests follow its lines"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_built_on_mmengine(language: str) -> None:
    text = (ROOT / "docs" / language / "guides" / "frameworks.md").read_text("utf-8")
    names = {"mmdet": "MMDetection", "mmsegmentation": "MMSegmentation", "mmpretrain": "MMPretrain"}
    tested = dict(package.split("==") for package in OPENMMLAB if "==" in package)
    for package, name in names.items():
        assert f"{name} {tested[package]}" in text
