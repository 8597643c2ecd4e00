"""The description for a package index keeps what works there."""

from __future__ import annotations

import pytest

from hatch_build import standalone


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See [the guide](docs/guide.md#part).", "See the guide."),
        ("[English](README.md) | [中文](README.zh-CN.md)", "English | 中文"),
        ("[`dubhe play`](docs/play.md)", "`dubhe play`"),
        ("[site](https://example.org/a) [below](#delivery)", None),
        ("![A page](docs/page.png)\n", "\n"),
        ("![A page](https://example.org/page.png)", None),
        ("[![A page](docs/page.png)](docs/page.md)", ""),
        ('<img src="docs/page.png" alt="A page">', ""),
        ('<picture>\n<source srcset="a.svg">\n<img src="b.svg">\n</picture> text', " text"),
    ],
)
def test_relative_links_and_pictures(text: str, expected: str | None) -> None:
    assert standalone(text) == (text if expected is None else expected)
