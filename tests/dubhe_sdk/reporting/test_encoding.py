from __future__ import annotations

import datetime
import decimal
import enum
import importlib.util
import json
import sys
import types
from collections import OrderedDict, namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_sdk.reporting import encoding


def _load_without_orjson() -> types.ModuleType:
    """Return the module as it is where orjson is not installed."""
    spec = importlib.util.find_spec("dubhe_sdk.reporting.encoding")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    hidden = sys.modules.get("orjson")
    sys.modules["orjson"] = None  # type: ignore[assignment]
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["orjson"]
        if hidden is not None:
            sys.modules["orjson"] = hidden
    return module


ENCODERS = {"orjson": encoding, "stdlib": _load_without_orjson()}


@pytest.fixture(params=list(ENCODERS))
def encoder(request: pytest.FixtureRequest) -> Any:
    return ENCODERS[request.param]


def test_the_two_encoders_are_what_they_are_named() -> None:
    assert ENCODERS["orjson"]._orjson_dumps is not None
    assert ENCODERS["stdlib"]._orjson_dumps is None


def strict(data: bytes) -> Any:
    """Parse as a strict reader does: UTF-8, no NaN, no lone surrogate."""

    def refuse(name: str) -> NoReturn:
        raise AssertionError(f"{name} is no JSON: {data!r}")

    value = json.loads(data.decode("utf-8"), parse_constant=refuse)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


class Colour(enum.Enum):
    RED = "red"


class TextColour(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


@dataclass
class Box:
    x: int


Point = namedtuple("Point", "x y")


class FakeTensor:
    """Behaves as a torch tensor does: item() and tolist() raise for what they do not fit."""

    def __init__(self, values: Any, fails: bool = False) -> None:
        self.values = values
        self.fails = fails

    def tolist(self) -> Any:
        if self.fails:
            raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")
        return self.values

    def __str__(self) -> str:
        return "tensor(meta)"


class Unprintable:
    def __str__(self) -> str:
        raise KeyError("no text")


class Hostile:
    @property
    def tolist(self) -> Any:
        raise OSError("the device is gone")


_numpy_scalars = st.sampled_from(
    [
        np.float16(1.5),
        np.float32("nan"),
        np.float64("inf"),
        np.longdouble("1.5"),
        np.int8(-3),
        np.uint64(2**64 - 1),
        np.bool_(True),
        np.complex64(1 + 2j),
        np.str_("文"),
        np.bytes_(b"\xff"),
        np.datetime64("2024-02-29"),
        np.datetime64("NaT"),
        np.void(b"ab"),
    ]
)
_arrays = st.sampled_from(
    [
        np.zeros((2, 3)),
        np.array([1.0, float("nan"), float("-inf")]),
        np.arange(10)[::2],
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.array([], dtype=np.float32),
        np.array(7),
        np.array(["a", "文"]),
        np.array([{"a": 1}, None, object], dtype=object),
        np.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f4")]),
        np.array([1 + 2j]),
        np.float16([1, 2]),
        np.array([1], dtype=">i4"),
    ]
)
_odd = st.sampled_from(
    [
        Colour.RED,
        TextColour.RED,
        Level.LOW,
        Box(1),
        Point(1, 2),
        Path("/a/文"),
        decimal.Decimal("NaN"),
        datetime.datetime(2024, 2, 29, 1, 2, 3),
        datetime.timedelta(1),
        types.MappingProxyType({"a": float("nan")}),
        range(3),
        object,
        len,
        FakeTensor([[1, float("nan")]]),
        FakeTensor(None, fails=True),
        Unprintable(),
        Hostile(),
        1 + 2j,
    ]
) | st.builds(lambda sign: sign * 10**5000, st.sampled_from([1, -1]))  # too long to be printed
_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=2**63, max_value=2**200)
    | st.floats()
    | st.text(alphabet=st.characters())
    | st.text(alphabet=st.sampled_from("\ud800\udc80\udfffa文\0\x1f\u2028\U0001f600"))
    | st.binary()
    | _numpy_scalars
    | _arrays
    | _odd
)
_hashable = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from("\ud800\udfff")
    | st.binary()
    | st.sampled_from([Colour.RED, TextColour.RED, Level.LOW, Path("a"), (1, 2)])
    | st.sampled_from([np.int64(3), np.float32(0.5), np.str_("k"), datetime.date(2024, 1, 1)])
)
_values = st.recursive(
    _leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(_hashable, inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3).map(OrderedDict)
        | st.frozensets(_hashable, max_size=3)
        | st.sets(st.integers() | st.text(), max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("name", list(ENCODERS))
@given(value=_values)
@settings(max_examples=200, deadline=None)
def test_anything_becomes_strict_json(name: str, value: Any) -> None:
    data = ENCODERS[name].dumps(value)
    strict(data)
    assert b"\n" not in data


_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | _odd | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.booleans() | st.none(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(value=_json_values)
@settings(max_examples=200, deadline=None)
def test_the_same_with_and_without_orjson(value: Any) -> None:
    first, second = (strict(encoder.dumps(value)) for encoder in ENCODERS.values())
    assert first == second


@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text()
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
@settings(max_examples=100, deadline=None)
def test_what_json_can_express_comes_back_as_it_was(value: Any) -> None:
    for module in ENCODERS.values():
        assert strict(module.dumps(value)) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), "NaN"),
        ([float("inf"), -float("inf"), None], ["Infinity", "-Infinity", None]),
        ({"a": {"b": [float("nan")]}}, {"a": {"b": ["NaN"]}}),
        (np.array([[1, np.nan]]), [[1, "NaN"]]),
        (np.float32("inf"), "Infinity"),
        (np.int64(5), 5),
        (np.bool_(False), False),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (Colour.RED, "red"),
        (TextColour.RED, "red"),
        ([TextColour.RED, float("nan")], ["red", "NaN"]),
        ({TextColour.RED: float("nan")}, {"red": "NaN"}),
        (Level.LOW, 1),
        (Path("/a/b"), "/a/b"),
        (b"ab", "b'ab'"),
        (Box(1), {"x": 1}),
        (datetime.datetime(2024, 2, 29, 1, 2, 3), "2024-02-29 01:02:03"),
        (FakeTensor([[1.5]]), [[1.5]]),
        (FakeTensor(None, fails=True), "tensor(meta)"),
        (Unprintable(), "<Unprintable whose text raised KeyError>"),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        ("a\udce9b", r"a\xe9b"),
        ({"\udce9": 1}, {r"\xe9": 1}),
        ({1: "a", None: "b", 1.5: "d"}, {"1": "a", "null": "b", "1.5": "d"}),
        ({None: float("nan"), False: 1}, {"null": "NaN", "false": 1}),
        (2**70, 2**70),
        ({"n": 10**5000}, {"n": hex(10**5000)}),
        ("null", "null"),
    ],
)
def test_rules(encoder: Any, value: Any, expected: Any) -> None:
    assert strict(encoder.dumps(value)) == expected


def test_what_contains_itself_comes_to_an_end(encoder: Any) -> None:
    twice: list[Any] = []
    twice += [twice, 1, twice]
    assert strict(encoder.dumps(twice)) == ["…", 1, "…"]
    mapping: dict[str, Any] = {"a": 1}
    mapping["self"] = [mapping]
    assert strict(encoder.dumps(mapping)) == {"a": 1, "self": ["…"]}


def test_the_same_value_at_two_places_is_no_cycle(encoder: Any) -> None:
    shared = [float("nan")]
    assert strict(encoder.dumps([shared, shared])) == [["NaN"], ["NaN"]]


def test_deep_nesting_comes_to_an_end(encoder: Any) -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert encoder.dumps(value).startswith(b"[[[[")
    strict(encoder.dumps(value))
    while value:  # or its destruction would be deep, too
        value = value.pop()


_numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text()


@given(data=st.dictionaries(st.text() | st.sampled_from("\ud800\udfff"), _numbers))
@settings(max_examples=100, deadline=None)
def test_flat_numbers(data: dict[str, Any]) -> None:
    parsed = [strict(module.dumps_numbers(data)) for module in ENCODERS.values()]
    assert parsed[0] == parsed[1] == strict(encoding.dumps(data))


def test_flat_numbers_beyond_64_bits(encoder: Any) -> None:
    data = {"a": 2**64, "b": 10**5000, "c": 0.5, "文\udce9": "NaN"}
    expected = {"a": 2**64, "b": hex(10**5000), "c": 0.5, r"文\xe9": "NaN"}
    assert strict(encoder.dumps_numbers(data)) == expected


class Shout:
    def __str__(self) -> str:
        return "HA"


def test_what_is_read_only_once_is_whole_beside_what_takes_the_slow_way(encoder: Any) -> None:
    value = {"first": iter([1, 2]), "gone": None, "nan": float("nan"), "text": Shout()}
    assert strict(encoder.dumps(value)) == {
        "first": [1, 2],
        "gone": None,
        "nan": "NaN",
        "text": "HA",
    }


def failing() -> Iterator[int]:
    yield 1
    raise ValueError("no such image")


def test_what_an_iterator_raises_passes_through_if_asked_for(encoder: Any) -> None:
    with pytest.raises(ValueError, match="no such image"):
        encoder.dumps({"boxes": failing()}, raising=True)
    warnings: list[str] = []
    (text,) = strict(encoder.dumps([failing()], warnings.append))
    assert text.startswith("<generator object failing")
    assert len(warnings) < 2  # it is the same warning for both encoders
