from __future__ import annotations

import dataclasses
import datetime
import decimal
import fractions
import io
import math
import sys
import types
import uuid
from array import array
from collections import Counter, UserList, UserString, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from dubhe_sdk.reporting.plain import Plain, non_finite_word, valid_text


@dataclasses.dataclass
class Box:
    corner: tuple[int, int]
    label: str = dataclasses.field(default="dent", repr=False)
    later: int = dataclasses.field(init=False)


@dataclasses.dataclass(frozen=True)
class Slotted:
    __slots__ = ("box",)
    box: Box


class Pydantic:
    def model_dump(self) -> dict[str, Any]:
        return {"label": "scratch", "conf": np.float32(0.5)}


class Attrs:
    __attrs_attrs__ = (types.SimpleNamespace(name="label"),)

    def __init__(self) -> None:
        self.label = "scratch"
        self.other = 1


class DataFrame:
    """As pandas has it."""

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        assert orient == "records"
        return [{"label": "dent", "conf": np.float32(0.5)}]

    def __array__(self) -> Any:
        raise AssertionError("that would be without the columns' names")


class Loader:
    """Goes through data, as a data loader does; a result never means to read it."""

    def __iter__(self) -> Iterator[int]:
        raise AssertionError("it was read")


class Torch:
    def tolist(self) -> Any:
        return [0.5, float("nan")]


def two() -> Iterator[int]:
    yield 1
    yield 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}.keys(), ["a"]),
        ({"a": [0.5]}.values(), [[0.5]]),
        ({"a": 1}.items(), [["a", 1]]),
        (deque([1, (2,)]), [1, [2]]),
        (range(3), [0, 1, 2]),
        (UserList([1]), [1]),
        (array("f", [0.5]), [0.5]),
        (memoryview(b"ab"), [97, 98]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (types.MappingProxyType({"a": {1}}), {"a": [1]}),
        (map(str, [1, 2]), ["1", "2"]),
        (zip([1], [2], strict=True), [[1, 2]]),
        (two(), [1, 2]),
        (Box((1, 2)), {"corner": [1, 2], "label": "dent"}),
        (Slotted(Box((1, 2))), {"box": {"corner": [1, 2], "label": "dent"}}),
        (Pydantic(), {"label": "scratch", "conf": 0.5}),
        (DataFrame(), [{"label": "dent", "conf": 0.5}]),
        (type("DataFrame", (), {"to_dicts": lambda self: [{"a": 1}]})(), [{"a": 1}]),
        (Attrs(), {"label": "scratch"}),
        (Torch(), [0.5, "NaN"]),
        (Path("a/文.png"), "a/文.png"),
        (UserString("ab"), "ab"),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (fractions.Fraction(1, 4), 0.25),
        (np.longdouble("1.5"), 1.5),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_without_a_warning(value: Any, expected: Any) -> None:
    warnings: list[str] = []
    assert Plain(warnings.append).copy({"x": value}) == {"x": expected}
    assert warnings == []


def text_of(value: Any, warnings: list[str]) -> Any:
    return Plain(warnings.append).copy([value])[0]


def test_what_becomes_a_text_is_warned_of_once_for_each_type() -> None:
    class Picture:
        def __str__(self) -> str:
            return "<Picture at 0x7F>"

    warnings: list[str] = []
    assert [text_of(Picture(), warnings) for _ in range(3)] == ["<Picture at 0x7F>"] * 3
    assert len(warnings) == 1
    assert f"{__name__}.{Picture.__qualname__}" in warnings[0]
    assert "'<Picture at 0x7F>'" in warnings[0]

    class Other(Picture):
        pass

    text_of(Other(), warnings)
    assert len(warnings) == 2


def test_without_somebody_to_warn_the_warning_is_kept_for_later() -> None:
    class Picture:
        pass

    Plain().copy(Picture())
    warnings: list[str] = []
    text_of(Picture(), warnings)
    assert len(warnings) == 1


@pytest.mark.parametrize(
    "value",
    [b"a", bytearray(b"a"), io.StringIO("a\nb"), Loader(), object(), Box, decimal.Decimal("0.5")],
    ids=lambda value: type(value).__name__,
)
def test_texts(value: Any) -> None:
    assert text_of(value, []) == str(value)


def test_mocks_come_to_an_end() -> None:
    assert "Mock" in text_of(mock.MagicMock(), [])


def test_what_cannot_be_read_names_the_reason() -> None:
    class Meta:
        def tolist(self) -> Any:
            raise RuntimeError("no storage")

        def __str__(self) -> str:
            return "tensor(meta)"

    warnings: list[str] = []
    assert text_of(Meta(), warnings) == "tensor(meta)"
    assert "cannot be read (RuntimeError: no storage)" in warnings[0]


def test_names_in_other_encodings_stay_different() -> None:
    names = [
        name.encode("gbk").decode("utf-8", "surrogateescape") for name in ("正1", "常1", "图1")
    ]
    plain = Plain().copy({name: [name, Path(name)] for name in names})
    assert len(plain) == 3
    for name, (text, path) in plain.items():
        assert text == path == name
        text.encode()
    assert Plain().copy(names[0]) == r"\xd5\xfd1"


def test_utf8_read_with_an_ascii_locale_is_the_name_itself() -> None:
    assert valid_text("正常.png".encode().decode("ascii", "surrogateescape")) == "正常.png"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("文", "文"), ("a\ud800", "a\\ud800"), ("\udfff\udce9文", "\\udfff\\xe9文"), ("", "")],
)
def test_valid_text(text: str, expected: str) -> None:
    assert valid_text(text) == expected
    valid_text(text).encode()


@pytest.mark.parametrize(
    ("value", "word"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
)
def test_words_for_what_is_no_number_in_json(value: float, word: str) -> None:
    assert non_finite_word(value) == word


def test_no_framework_is_imported() -> None:
    Plain().copy([Torch(), np.float32(1)])
    assert not {"torch", "paddle", "jax", "tensorflow"} & set(sys.modules)
