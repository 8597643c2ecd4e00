"""Figures in the comparison are those of a recorded run: benchmarks/RESULTS.md."""

from __future__ import annotations

import re

import pytest

from tests.docs.markdown import LANGUAGES, ROOT, prose
from tests.docs.reference import page

_FIGURE = re.compile(r"(?<![\w.\-/`])(\d{1,3}(?: \d{3})+|\d+(?:\.\d+)?) ?(?:µs|ms|MiB|%)")
_RATE = re.compile(r"(?<![\w.\-/`])(\d{1,3}(?: \d{3})+)(?! ?\d)")
_RESULT = re.compile(r"\d{1,3}(?: \d{3})+|\d+(?:\.\d+)?")
# Settings of the benchmarks and of the program, not measurements.
_GIVEN = {"3.5", "5", "50"}


def results() -> list[float]:
    text = (ROOT / "benchmarks/RESULTS.md").read_text("utf-8").replace("\u00a0", " ")
    return [float(found.replace(" ", "")) for found in _RESULT.findall(text)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_figure_of_the_comparison_was_measured(language: str) -> None:
    text = prose(page(language, "alternatives")).replace("\u00a0", " ")
    figures = {*_FIGURE.findall(text), *_RATE.findall(text)} - _GIVEN
    assert len(figures) > 25
    measured = results()
    for figure in figures:
        plain = figure.replace(" ", "")
        value, decimals = float(plain), len(plain.partition(".")[2])
        digits = 0 if decimals else -2 if value >= 10_000 else 0
        assert any(
            round(one, decimals) == value or round(one, digits) == value for one in measured
        ), figure


def test_both_languages_give_the_same_figures() -> None:
    def figures(language: str) -> list[str]:
        text = prose(page(language, "alternatives"))
        return sorted([*_FIGURE.findall(text), *_RATE.findall(text)])

    assert figures("en") == figures("zh")
