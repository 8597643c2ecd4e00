"""The page can be used by keyboard and by what reads it aloud: measured by axe-core."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.page.browser import NARROW, VIEWS, WIDE
from tests.page.fixtures import Visitor
from tests.page.npm import install
from tests.page.platform import Platform
from tests.support.waiting import wait_for

GRAVE = ("serious", "critical")
SHAPES = list(itertools.product(("light", "dark"), ("en-US", "zh-CN"), (WIDE, NARROW)))
RUN_AXE = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], algorithm: Path) -> Platform:
    platform = start(algorithm)
    platform.post("workflow", images=2, special_params={"epochs": 1, "pause": 0})
    platform.wait_workflow()
    return platform


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The checker's own script."""
    packages = install(tmp_path_factory.mktemp("sources") / "page") / "node_modules"
    return (packages / "axe-core" / "axe.min.js").read_text()


def grave(page: Page, axe: str) -> list[str]:
    """Return what is wrong on the page now, one line for each element."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(axe)
    found: list[dict[str, Any]] = page.evaluate(RUN_AXE)
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:160]} {node['failureSummary']}"
        for violation in found
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


def go(page: Page, platform: Platform, view: str) -> None:
    page.goto(f"{platform.url}/#/{view}")
    expect(page.locator("nav [aria-current]")).to_have_attribute("href", f"#/{view}")
    if view == "results":  # on a narrow screen the figures stand above, and tiles are made in sight
        expect(page.locator(".figures")).to_be_visible()
        page.locator(".gallery").scroll_into_view_if_needed()
    expect(page.locator(READY[view]).first).to_be_visible()


READY = {
    "overview": ".card",
    "runs": ".grid-row[data-run]",
    "curves": ".plot[data-points]",
    "system": ".system-chart",
    "results": ".tile[data-outcome]",
    "send": ".sent",
    "log": ".log-line",
    "messages": ".message-row[role=option]",
    "delivery": ".card[data-instance]",
}


@pytest.mark.parametrize(("scheme", "locale", "size"), SHAPES)
def test_no_view_hinders_anybody(
    platform: Platform,
    visit: Visitor,
    axe: str,
    scheme: str,
    locale: str,
    size: tuple[int, int],
) -> None:
    page = visit(platform.url, scheme=scheme, locale=locale, size=size)
    wrong = []
    for view in VIEWS:
        go(page, platform, view)
        page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
        if view == "messages":
            page.locator(".message-row[role=option]:visible").last.click()
        wrong += [f"{view}: {line}" for line in grave(page, axe)]
    for place in ("run=1", "compare=1,2&all=1"):
        page.goto(f"{platform.url}/#/runs?{place}")
        expect(page.get_by_text("LANG", exact=True).first).to_be_attached()
        wrong += [f"{place}: {line}" for line in grave(page, axe)]
    page.goto(f"{platform.url}/#/runs")
    page.locator(".run-grid").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("e")
    expect(page.locator(".edit-dialog")).to_be_visible()
    wrong += [f"edit: {line}" for line in grave(page, axe)]
    page.keyboard.press("Escape")
    go(page, platform, "results")
    page.locator(".tile[data-outcome=wrong]").first.click()
    expect(page.locator(".lightbox .prediction").first).to_be_visible()
    wrong += [f"lightbox: {line}" for line in grave(page, axe)]
    assert not wrong, "\n".join(wrong)


def test_the_checker_finds_what_is_wrong(platform: Platform, visit: Visitor, axe: str) -> None:
    page = visit(platform.url)
    go(page, platform, "overview")
    page.locator("h1").evaluate("e => { e.style.color = 'silver'; }")
    page.locator("main button").first.evaluate("e => e.replaceChildren()")
    found = "\n".join(grave(page, axe))
    assert "color-contrast" in found
    assert "button-name" in found


def focused(page: Page, selector: str) -> bool:
    return bool(page.evaluate("s => document.activeElement?.matches(s) ?? false", selector))


def tab_to(page: Page, selector: str, most: int = 60) -> None:
    """Press Tab until the element has the focus, which must be seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if focused(page, selector):
            style = "() => getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(style) == "solid", f"{selector}: the focus is not seen"
            return
    raise AssertionError(f"{most} times Tab do not reach {selector}")


def test_a_training_is_started_and_its_results_are_seen_by_keyboard_alone(
    start: Callable[..., Platform], algorithm: Path, visit: Visitor
) -> None:
    platform = start(algorithm)
    page = visit(platform.url)
    expect(page.locator("h1")).to_have_text("Instances")
    tab_to(page, "[data-action=train]")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_attribute("data-state", "ended")
    expect(page.locator("[data-action=evaluate]")).to_be_enabled()
    tab_to(page, "[data-action=evaluate]")
    page.keyboard.press("Enter")
    expect(page.locator(".card[data-state=ended]")).to_have_count(2)

    tab_to(page, ".card a[href^='#/curves']")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Curves")
    assert focused(page, "main"), "one goes on at the new view's beginning"
    expect(page.locator(".plot[data-points]")).to_have_count(2)
    tab_to(page, ".chart[data-metric=loss] .plot")
    page.keyboard.press("+")
    wait_for(lambda: "window=" in str(page.evaluate("() => location.href")), "a window")

    page.keyboard.press("Home")
    page.goto(f"{platform.url}/#/overview")
    expect(page.locator("h1")).to_have_text("Instances")
    tab_to(page, "nav a[href='#/results']")
    page.keyboard.press("Enter")
    expect(page.locator(".tile[data-outcome]").first).to_be_visible()
    tab_to(page, ".tile")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".light-head")).to_contain_text("2 / 4")
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".light-stage.magnified")).to_have_count(1)
    expect(page.locator(".light-head")).to_contain_text("2 / 4")
    page.keyboard.press("0")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".light-head")).to_contain_text("3 / 4")
    page.keyboard.press("Escape")
    expect(page.locator(".lightbox")).to_have_count(0)
    expect(page.locator(".tile").nth(2)).to_be_focused()
    page.keyboard.press("Tab")
    assert not focused(page, ".tile"), "one Tab leaves the gallery"


def test_messages_are_walked_by_keys(platform: Platform, visit: Visitor) -> None:
    page = visit(platform.url)
    go(page, platform, "messages")
    tab_to(page, "[role=listbox]")
    page.keyboard.press("End")
    last = page.locator(".detail h2").inner_text()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".detail h2")).to_have_text(f"#{int(last[1:]) - 1}")
    shown = page.locator("[role=option][aria-selected=true]")
    expect(page.locator("[role=listbox]")).to_have_attribute(
        "aria-activedescendant", str(shown.get_attribute("id"))
    )
    tab_to(page, ".detail button")
    page.keyboard.press("Enter")
    expect(page.locator(".detail")).to_be_hidden()
    assert focused(page, "[role=listbox]")
