from __future__ import annotations

import math
from typing import Any

import pytest

from dubhe_sdk.logs.text import MAX_CHARACTERS, log_text


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("msg", "args", "expected"),
    [
        ("plain 100 %", (), "plain 100 %"),
        ("%d images, %s", (3, "文"), "3 images, 文"),
        ("%(a)s", ({"a": 1},), "1"),
        ("loss %d", (math.inf,), "loss %d inf"),
        ("two %s %s", (1,), "two %s %s 1"),
        ("none", (1, 2), "none 1 2"),
        ("%s", (Unspeakable(),), "%s <Unspeakable: its text raised RuntimeError>"),
        (Unspeakable(), (), "<Unspeakable: its text raised RuntimeError>"),
        (5, (), "5"),
    ],
    ids=range(9),
)
def test_whatever_is_given_becomes_a_line(msg: Any, args: tuple[Any, ...], expected: str) -> None:
    assert log_text(msg, args) == expected


def test_a_traceback_is_added() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        for given in (True, error, (type(error), error, error.__traceback__)):
            lines = log_text("failed", (), given).splitlines()
            assert lines[0] == "failed"
            assert lines[-1] == "ValueError: broken"
    assert log_text("failed", (), True) == "failed\n(there is no exception)"


def test_no_line_is_longer_than_its_bound() -> None:
    text = log_text("x" * (MAX_CHARACTERS + 5), ())
    assert text == "x" * MAX_CHARACTERS + f"… ({MAX_CHARACTERS + 5} characters)"
