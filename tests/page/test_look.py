"""Language, theme, narrow screens, keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.browser import NARROW, VIEWS, WIDE
from tests.page.fixtures import Visitor
from tests.page.platform import Platform


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], algorithm: Path) -> Platform:
    platform = start(algorithm)
    platform.post("workflow", images=2, special_params={"epochs": 3, "pause": 0})
    platform.wait_workflow()
    return platform


def heading(page: Page, text: str) -> None:
    expect(page.locator("h1")).to_have_text(text)


def brightness(page: Page) -> int:
    text = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
    return sum(int(part) for part in text[text.index("(") + 1 : -1].split(",")[:3])


def test_the_language_follows_the_browser_and_is_remembered(
    platform: Platform, visit: Visitor
) -> None:
    page = visit(platform.url, locale="zh-CN")
    heading(page, "实例")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.locator(".language select").select_option("en")
    heading(page, "Instances")
    page.reload()
    heading(page, "Instances")


def test_the_theme_follows_the_system_and_is_remembered(platform: Platform, visit: Visitor) -> None:
    page = visit(platform.url, scheme="dark")
    heading(page, "Instances")
    assert brightness(page) < 150
    page.locator(".theme select").select_option("light")
    assert brightness(page) > 600
    page.reload()
    heading(page, "Instances")
    assert brightness(page) > 600
    page.locator(".theme select").select_option("auto")
    assert brightness(page) < 150


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_nothing_is_wider_than_a_phone(platform: Platform, visit: Visitor, locale: str) -> None:
    page = visit(platform.url, size=NARROW, locale=locale)
    for view in VIEWS:
        page.goto(f"{platform.url}/#/{view}")
        expect(page.locator("nav [aria-current]")).to_have_attribute("href", f"#/{view}")
        expect(page.locator("h1")).to_be_visible()
        too_wide = page.evaluate(
            "() => [document.documentElement, document.querySelector('main')]"
            ".map(e => e.scrollWidth - e.clientWidth)"
        )
        assert too_wide == [0, 0], view


@pytest.mark.parametrize("size", [NARROW, WIDE])
def test_the_newest_message_is_in_sight(
    platform: Platform, visit: Visitor, size: tuple[int, int]
) -> None:
    page = visit(f"{platform.url}/#/messages", size=size)
    rows = page.locator(".message-row[role=option]:visible")
    expect(rows.last).to_contain_text("READY")  # of the inference, which says no more
    expect(page.locator(".message-row[role=option]", has_text="READY").last).to_be_in_viewport()
    tail = page.locator(".tail")
    assert tail.evaluate("e => e.scrollHeight - e.clientHeight - e.scrollTop") < 1
    assert tail.evaluate("e => e.scrollHeight > e.clientHeight"), "there is nothing to scroll"


def test_the_keyboard_reaches_everything(platform: Platform, visit: Visitor) -> None:
    page = visit(platform.url)
    heading(page, "Instances")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Runs").first).to_be_focused()
    outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    heading(page, "Runs")


def test_every_control_has_a_name(platform: Platform, visit: Visitor) -> None:
    page = visit(platform.url)
    for view in VIEWS:
        page.goto(f"{platform.url}/#/{view}")
        expect(page.locator("nav [aria-current]")).to_have_attribute("href", f"#/{view}")
        nameless = page.evaluate(
            "() => [...document.querySelectorAll('button, a, input, select, textarea')]"
            ".filter(e => e.checkVisibility() && !(e.textContent.trim() || e.ariaLabel || e.title"
            " || e.labels?.length)).map(e => e.outerHTML)"
        )
        assert nameless == [], view
