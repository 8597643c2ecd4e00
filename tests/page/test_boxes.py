"""Boxes lie where the data says, in the colour of their class."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page.algorithm.app import BOX
from tests.page.fixtures import Visitor
from tests.page.pixels import Shot, stroke_of
from tests.page.platform import IMAGES, Platform


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], algorithm: Path) -> Platform:
    platform = start(algorithm)
    platform.post("workflow", images=2, special_params={"epochs": 1, "pause": 0})
    platform.wait_workflow()
    return platform


def test_a_box_is_drawn_where_the_data_says(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/results")
    page.locator(".tile[data-outcome=right]").first.click()
    expect(page.locator(".lightbox .prediction rect").first).to_be_visible()
    colour = stroke_of(page, ".lightbox .prediction rect")
    shot = Shot(page)
    x1, y1, x2, y2 = BOX
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    for x, y in [(x1, middle[1]), (x2, middle[1]), (middle[0], y2), ((x1 + 3 * x2) / 4, y1)]:
        assert shot.shows(x, y, colour), (x, y)
    for x, y in [middle, (x1 - 5, middle[1]), (x2 + 5, middle[1]), (middle[0], y2 + 5)]:
        assert shot.is_bare(x, y), (x, y)


def test_boxes_below_the_confidence_vanish(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/results")
    expect(page.locator(".tile:visible")).to_have_count(IMAGES)
    expect(page.locator(".gallery .prediction.right")).to_have_count(IMAGES - 1)
    page.get_by_label("Confidence from").fill("0.6")  # of 0.9, 0.7 (wrong), 0.5 and 0.3
    expect(page.locator(".gallery .prediction.right")).to_have_count(1)
    expect(page.locator(".gallery .prediction.missed")).to_have_count(2)
    page.get_by_role("button", name="Missed", exact=True).click()
    expect(page.locator(".gallery-count")).to_have_text(f"2 of {IMAGES} images")


def test_the_table_of_predictions_has_its_values_below_their_names(
    platform: Platform, visit: Visitor
) -> None:
    page = visit(f"{platform.url}/#/results")
    page.locator(".tile[data-outcome]").first.click()
    table = page.locator(".lightbox table.predictions")
    expect(table).to_be_visible()
    for column in range(3):
        head = table.locator("thead th").nth(column).bounding_box()
        cell = table.locator("tbody tr").first.locator("td").nth(column).bounding_box()
        assert head and cell
        assert cell["x"] == pytest.approx(head["x"], abs=1)
        assert cell["y"] >= head["y"] + head["height"] - 1


def test_the_lightbox_is_walked_by_keys(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/results")
    page.locator(".tile[data-outcome]").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".light-head")).to_contain_text(f"1 / {IMAGES}")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".light-head")).to_contain_text(f"2 / {IMAGES}")
    page.keyboard.press("Escape")
    expect(page.locator(".lightbox")).to_have_count(0)
    expect(page.locator(".cell").nth(1).locator("button")).to_be_focused()


def test_an_inference_shows_its_prediction(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/send")
    editor = page.get_by_label("JSON", exact=True)
    expect(editor).to_have_value(re.compile("image_names"))
    page.get_by_label("image_names").fill("dent/0.png")
    expect(editor).to_have_value(re.compile('"image_names": \\[\\s*"dent/0.png"\\s*]'))
    editor.fill('{"req_type": 3, ')
    expect(page.locator(".request-json .notice")).to_contain_text("Not valid JSON")
    page.get_by_role("button", name="Infer").click()
    page.locator("button.primary").click()
    expect(page.locator(".reply .tile .prediction")).to_have_count(IMAGES)
    expect(page.locator(".reply")).to_contain_text("model inference success")
