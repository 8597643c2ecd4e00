from __future__ import annotations

import copy
import json
import math
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubhe_sdk.api.metrics import MetricsCleaner
from dubhe_sdk.contract.numbers import to_number
from dubhe_sdk.reporting.encoding import dumps_numbers


class FakeTensor:
    """Behaves as a torch tensor does: item() is for one element alone."""

    def __init__(self, *values: float) -> None:
        self.values = values

    def item(self) -> float:
        if len(self.values) != 1:
            raise RuntimeError(f"a Tensor with {len(self.values)} elements cannot be converted")
        return self.values[0]

    def __repr__(self) -> str:
        return f"tensor({list(self.values)})"


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def cleaner(warnings: list[str]) -> MetricsCleaner:
    return MetricsCleaner(warnings.append)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1),
        (0.5, 0.5),
        (True, 1),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), 1),
        (np.array(2.5), 2.5),
        (np.array([2.5]), 2.5),
        (np.array([[7]]), 7),
        (FakeTensor(0.25), 0.25),
        ([0.25], 0.25),
        ((np.float32(0.25),), 0.25),
        ([[FakeTensor(0.25)]], 0.25),
        (np.longdouble("0.25"), 0.25),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        (2**100, 2**100),
    ],
)
def test_whatever_is_one_number(cleaner: MetricsCleaner, value: Any, number: float) -> None:
    assert to_number(value) == number
    assert type(to_number(value)) in (int, float)
    assert cleaner.clean({"loss": value}) == {"loss": number}


@pytest.mark.parametrize(
    "value",
    ["0.5", b"1", bytearray(b"1"), None, [], [1.0, 2.0], ["1"], {}, object(), 1j,
     np.array([1.0, 2.0]), FakeTensor(1.0, 2.0), FakeTensor(), np.str_("1"), np.array(["1"]),
     float, Decimal("sNaN")],
)  # fmt: skip
def test_what_is_no_number_is_left_out_with_a_word(
    cleaner: MetricsCleaner, warnings: list[str], value: Any
) -> None:
    assert to_number(value) is None
    assert cleaner.clean({"bad": value, "good": 1.0}) == {"good": 1.0}
    assert len(warnings) == 1
    assert "metric 'bad'" in warnings[0]
    assert "left out" in warnings[0]


def test_a_list_that_holds_itself_alone_is_no_number(cleaner: MetricsCleaner) -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert cleaner.clean({"bad": endless}) == {}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (np.float32("nan"), "NaN"),
        (FakeTensor(math.inf), "Infinity"),
    ],
)
def test_non_finite_numbers_become_words(
    cleaner: MetricsCleaner, warnings: list[str], value: Any, word: str
) -> None:
    assert cleaner.clean({"loss": value}) == {"loss": word}
    assert len(warnings) == 1
    assert "'loss'" in warnings[0]
    assert word in warnings[0]


def test_each_name_is_warned_about_once(cleaner: MetricsCleaner, warnings: list[str]) -> None:
    for _ in range(5):
        cleaner.clean({"a": math.nan, "b": "text"})
    assert len(warnings) == 2


@pytest.mark.parametrize("name", ["progress", "epoch"])
def test_reserved_names_are_left_out(
    cleaner: MetricsCleaner, warnings: list[str], name: str
) -> None:
    assert cleaner.clean({name: 5, "loss": 1}) == {"loss": 1}
    assert name in warnings[0]


def test_names_that_are_no_texts_become_texts(cleaner: MetricsCleaner) -> None:
    for metrics in ({1: 2.0}, {1: np.float32(2.0)}):
        assert dumps_numbers(cleaner.clean(metrics)) == b'{"1":2.0}'


@pytest.mark.parametrize("metrics", [None, {}])
def test_no_metrics_at_all(
    cleaner: MetricsCleaner, warnings: list[str], metrics: dict[str, Any] | None
) -> None:
    assert cleaner.clean(metrics) == {}
    assert not warnings


@pytest.mark.parametrize("metrics", [[("loss", 1)], "loss", 5])
def test_metrics_that_are_no_dict(
    cleaner: MetricsCleaner, warnings: list[str], metrics: Any
) -> None:
    assert cleaner.clean(metrics) == {}
    assert "expected a dict" in warnings[0]


def test_the_callers_metrics_are_never_changed(cleaner: MetricsCleaner) -> None:
    metrics = {"loss": 1.0, "bad": "x", "nan": math.inf, "progress": 3, "epoch": 4}
    before = copy.deepcopy(metrics)
    data = cleaner.clean(metrics)
    data["progress"] = 0.5
    assert metrics == before
    assert cleaner.clean(MappingProxyType({"loss": 2})) == {"loss": 2}


@pytest.mark.parametrize(
    ("value", "progress"),
    [(0, 0.0), (0.25, 0.25), (1, 1.0), (np.float64(0.5), 0.5), (FakeTensor(0.75), 0.75),
     (1.5, 1.0), (-1, 0.0), (math.inf, 1.0), (-math.inf, 0.0), (10**400, 1.0)],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_progress_stays_within_0_and_1(
    cleaner: MetricsCleaner, value: Any, progress: float
) -> None:
    assert cleaner.progress(value) == progress
    assert type(cleaner.progress(value)) is float


def test_progress_out_of_range_is_reported_once(
    cleaner: MetricsCleaner, warnings: list[str]
) -> None:
    cleaner.progress(7)
    cleaner.progress(8)
    assert len(warnings) == 1
    assert "progress is 7" in warnings[0]


@pytest.mark.parametrize("value", [None, "half", math.nan, [0.5, 1], FakeTensor(1.0, 2.0)])
def test_progress_that_is_no_number_repeats_the_last(
    cleaner: MetricsCleaner, warnings: list[str], value: Any
) -> None:
    assert cleaner.progress(value) == 0.0
    cleaner.progress(0.4)
    assert cleaner.progress(value) == 0.4
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("value", "whole"),
    [(3, 3), (np.int32(3), 3), (3.0, 3), (FakeTensor(3.0), 3), (True, 1), (None, 0), ("3", 0),
     (math.nan, 0), (math.inf, 0)],
)  # fmt: skip
def test_whole_numbers(cleaner: MetricsCleaner, value: Any, whole: int) -> None:
    assert cleaner.whole("epoch", value) == whole
    assert type(cleaner.whole("epoch", value)) is int


_anything = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.lists(st.floats()) | st.sampled_from([np.float16(1), np.array([]), FakeTensor(), object()])
)  # fmt: skip


@given(metrics=st.dictionaries(st.text() | st.integers() | st.none(), _anything), x=_anything)
def test_whatever_is_handed_over_nothing_is_raised(metrics: dict[Any, Any], x: Any) -> None:
    cleaner = MetricsCleaner(lambda text: None)
    data = cleaner.clean(metrics)
    data["progress"] = cleaner.progress(x)
    data["epoch"] = cleaner.whole("epoch", x)
    assert all(
        type(value) in (int, float, str) for value in json.loads(dumps_numbers(data)).values()
    )
    assert 0.0 <= data["progress"] <= 1.0
    cleaner.clean(x)
