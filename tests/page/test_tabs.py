"""Many tabs and windows of one browser: six connections are all that it has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.page.platform import Platform

TABS = 8
# A browser without a window shows all its tabs; which one is shown is said here instead.
VISIBILITY = """
window.shown = true;
Object.defineProperty(document, 'hidden', { get: () => !window.shown });
window.setShown = (shown) => {
  window.shown = shown;
  document.dispatchEvent(new Event('visibilitychange'));
};
"""


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform]) -> Platform:
    return start()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.add_init_script(VISIBILITY)
    yield context
    context.close()


FRAMES = "async () => { for (let n = 0; n < 10; n++) await new Promise(requestAnimationFrame); }"


def bring_to_front(page: Page) -> None:
    """Have the browser give this tab its frames: behind another one it gets a frame a second."""
    page.bring_to_front()
    page.evaluate(FRAMES)


def switch(page: Page, shown: bool) -> None:
    page.evaluate("shown => window.setShown(shown)", shown)


def attach(platform: Platform, number: int) -> str:
    name = f"tabs-a{number}-train-{number}"
    platform.post("attach", address="http://127.0.0.1:9", instance=name)
    return name


def test_each_of_eight_tabs_is_up_to_date_when_it_is_shown(
    platform: Platform, context: BrowserContext
) -> None:
    tabs: list[Page] = []
    for _ in range(TABS):
        if tabs:
            switch(tabs[-1], False)
        tabs.append(context.new_page())
        tabs[-1].goto(platform.url)
        expect(tabs[-1].locator("h1")).to_have_text("Instances")
    switch(tabs[-1], False)
    times = []
    for number, tab in enumerate(tabs):
        missed = attach(platform, 2 * number)
        expect(tab.locator(f".card:has-text('{missed}')")).to_have_count(0)
        bring_to_front(tab)
        begun = time.monotonic()
        switch(tab, True)
        tab.locator(f".card:has-text('{missed}')").wait_for()
        live = attach(platform, 2 * number + 1)
        tab.locator(f".card:has-text('{live}')").wait_for()
        times.append(time.monotonic() - begun)
        assert tab.locator(".banner").count() == 0
        switch(tab, False)
    print(f"what was missed and what is new, in s: {[round(t, 2) for t in times]}")
    assert max(times) < 5  # on a busy machine; alone it is less than 1


def test_eight_windows_that_are_all_shown_follow(
    platform: Platform, context: BrowserContext
) -> None:
    windows: list[Page] = []
    for _ in range(TABS):
        windows.append(context.new_page())
        windows[-1].goto(platform.url)
        expect(windows[-1].locator("h1")).to_have_text("Instances")
    for number, closed in enumerate((None, windows[0], windows[3])):
        if closed is not None:
            closed.close()
            windows.remove(closed)
        name = attach(platform, 100 + number)
        for window in windows:
            window.bring_to_front()
            expect(window.locator(f".card:has-text('{name}')")).to_be_visible()
            expect(window.locator(".banner")).to_have_count(0)


def test_windows_find_a_platform_again_that_was_restarted(
    start: Callable[..., Platform], context: BrowserContext
) -> None:
    platform = start()
    windows = [context.new_page() for _ in range(3)]
    for window in windows:
        window.goto(platform.url)
        expect(window.locator("h1")).to_have_text("Instances")
    platform.kill()
    for window in windows:
        expect(window.locator(".banner")).to_have_count(1)
    platform.start(platform.port)
    name = attach(platform, 1)
    for window in windows:
        window.bring_to_front()
        expect(window.locator(f".card:has-text('{name}')")).to_be_visible()
        expect(window.locator(".banner")).to_have_count(0)


def test_a_tab_that_was_hidden_while_the_platform_restarted(
    start: Callable[..., Platform], context: BrowserContext
) -> None:
    platform = start()
    page = context.new_page()
    page.goto(platform.url)
    name = attach(platform, 1)
    expect(page.locator(f".card:has-text('{name}')")).to_be_visible()
    switch(page, False)
    platform.kill()
    platform.start(platform.port)
    later = attach(platform, 2)
    switch(page, True)
    expect(page.locator(f".card:has-text('{later}')")).to_be_visible()
    expect(page.locator(".banner")).to_have_count(0)


def test_a_window_that_gets_no_frames_follows_all_the_same(
    platform: Platform, context: BrowserContext
) -> None:
    context.add_init_script("window.requestAnimationFrame = () => 1;")
    page = context.new_page()
    page.goto(platform.url)
    expect(page.locator("h1")).to_have_text("Instances")
    name = attach(platform, 2 * TABS)
    expect(page.locator(f".card:has-text('{name}')")).to_be_visible()
