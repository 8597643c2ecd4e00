"""Every kind of shape that an algorithm may say lies where it says, and looks like it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.algorithm.app import SHAPES
from tests.page.fixtures import Visitor
from tests.page.pixels import Shot, stroke_of
from tests.page.platform import Platform

Points = list[tuple[float, float]]

# On the outline, and beside it: within, outside, and where another kind of shape would be.
DRAWN: dict[str, tuple[Points, Points]] = {
    "rectangle": ([(6, 16), (26, 16), (20, 8), (16, 24)], [(16, 16), (3, 16), (30, 16)]),
    "polygon": ([(50, 11), (56, 22), (44, 28), (38, 17)], [(47, 19), (58, 28), (38, 10)]),
    "circle": ([(80, 30), (90, 20), (70, 20), (87.07, 27.07)], [(80, 20), (89, 29), (80, 27)]),
    "line": ([(8, 44), (19, 52), (30, 60)], [(30, 44), (8, 60), (19, 60), (8, 52)]),
    "linestrip": ([(46, 56), (58, 56), (52, 66)], [(60, 46), (52, 56), (40, 60), (64, 60)]),
    "point": ([(84, 56)], [(80, 56), (88, 56), (84, 60)]),
}


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], algorithm: Path) -> Platform:
    platform = start(algorithm)
    platform.post("workflow/train", special_params={"epochs": 1, "pause": 0})
    platform.wait_workflow()
    platform.post("workflow/evaluate", special_params={"shapes": True})
    platform.wait_workflow()
    return platform


@pytest.fixture
def page(platform: Platform, visit: Visitor) -> Page:
    page = visit(f"{platform.url}/#/results")
    page.locator(".tile[data-outcome=right]").first.click()
    expect(page.locator(".lightbox .prediction")).to_have_count(len(SHAPES))
    return page


def test_shapes_are_drawn_where_the_data_says(page: Page) -> None:
    assert set(DRAWN) == set(SHAPES)
    shot = Shot(page)
    wrong = []
    for shape, (on, beside) in DRAWN.items():
        colour = stroke_of(page, f".lightbox .prediction[data-class={shape}] > *")
        wrong += [f"{shape} is not at {at}" for at in on if not shot.shows(*at, colour)]
        wrong += [f"{shape} covers {at}" for at in beside if not shot.is_bare(*at)]
    assert wrong == []


def test_a_magnified_shape_stays_on_its_place(page: Page) -> None:
    page.locator(".light-stage").focus()
    for key in ("+", "+", "+", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    boxes = page.evaluate(
        "() => [...document.querySelectorAll('.lightbox img, .lightbox .overlay')].map(e => {"
        " const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })"
    )
    assert boxes[0] == pytest.approx(boxes[1], abs=0.5)
    stage = page.locator(".light-stage").bounding_box()
    assert stage
    assert boxes[0][2] == pytest.approx(stage["width"] * 1.5**3, rel=0.01)
    centre = boxes[0][0] + boxes[0][2] / 2
    assert centre < stage["x"] + stage["width"] / 2 - 10, "the right part has come nearer"


def test_what_the_algorithm_adds_is_shown(page: Page) -> None:
    side = page.locator(".light-side")
    expect(side).to_contain_text('polygon · {"depth_mm":1.5}')
    expect(side).to_contain_text("circle · looks like a bubble")
    assert "rectangle ·" not in side.inner_text()
