"""The hot paths take no more instructions than they did; a third more would be noticed."""

from __future__ import annotations

import pytest

from tests.benchmarks.instructions import WATCHED, baselines, complaint, relative

pytestmark = pytest.mark.needs("valgrind")


@pytest.mark.parametrize("path", WATCHED)
def test_takes_as_many_instructions_as_its_baseline(path: str) -> None:
    assert not complaint(path, relative(path), baselines()[path])


def test_a_third_more_is_noticed() -> None:
    slower = relative("metric_slower_by_a_third")
    assert slower / relative("metric") == pytest.approx(4 / 3, rel=0.05)
    assert "more" in complaint("metric", slower, baselines()["metric"])


def test_a_lost_shortcut_is_noticed() -> None:
    slower = relative("metric_without_shortcut")
    assert "more" in complaint("metric_in_python", slower, baselines()["metric_in_python"])


def test_a_path_that_became_faster_asks_for_a_new_baseline() -> None:
    said = complaint("metric", 0.7 * baselines()["metric"], baselines()["metric"])
    assert "fewer" in said
    assert "--write" in said
