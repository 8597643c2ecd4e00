"""The gallery, of which only what is in sight has elements."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.browser import NARROW
from tests.page.fixtures import Visitor
from tests.page.platform import Platform
from tests.page.store import evaluation, store

RESULTS = 40


@pytest.fixture(scope="module")
def platform(
    start: Callable[..., Platform], algorithm: Path, tmp_path_factory: pytest.TempPathFactory
) -> Platform:
    runs = tmp_path_factory.mktemp("gallery") / "runs"
    images = sorted((algorithm / "data").rglob("*.png"))
    store(runs, {"gallery-a1-forecast-1": islice(evaluation(images), 1 + RESULTS)})
    return start("--images", algorithm / "data", runs=runs)


def open_with_figures_first(platform: Platform, visit: Visitor) -> Page:
    """On a narrow screen the figures stand above; here they are there before the images."""
    page = visit("about:blank", size=NARROW)
    figures_are_there = False
    held: list[Route] = []

    def hold(route: Route) -> None:
        if figures_are_there:
            route.continue_()
        else:
            held.append(route)

    page.route("**/api/results?*", hold)
    page.goto(f"{platform.url}/#/results")
    expect(page.locator(".precision-recall")).to_be_visible()
    figures_are_there = True
    for route in held:
        route.continue_()
    expect(page.locator(".gallery-count")).to_have_text(f"{RESULTS} of {RESULTS} images")
    expect(page.locator(".tile")).to_have_count(0)
    return page


def test_images_below_the_figures_come_when_they_are_scrolled_to(
    platform: Platform, visit: Visitor
) -> None:
    page = open_with_figures_first(platform, visit)
    page.locator(".gallery").scroll_into_view_if_needed()
    expect(page.locator(".tile[data-outcome]").first).to_be_visible()


def test_images_come_into_sight_when_what_is_above_them_goes(
    platform: Platform, visit: Visitor
) -> None:
    page = open_with_figures_first(platform, visit)
    page.locator(".numbers").evaluate("e => e.replaceChildren()")
    expect(page.locator(".tile[data-outcome]").first).to_be_visible()
