"""The log as people read it: whose time it is, and no escape codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.platform import Platform

NAME = "log-a1-train-1"


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory) -> Platform:
    folder = tmp_path_factory.mktemp("instance")
    (folder / "log").mkdir()
    line = "2026-01-02 03:04:05,678 INFO 1 \x1b[32mgreen\x1b[0m \r 50 %\r100 %\n"
    (folder / "log" / "dubhe.log").write_text(line, newline="")
    platform = start()
    platform.post("attach", address="http://127.0.0.1:9", instance=NAME, folder=str(folder))
    return platform


@pytest.fixture
def page(platform: Platform, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(timezone_id="Asia/Shanghai", locale="en-US")
    page = context.new_page()
    page.goto(f"{platform.url}/#/log?instance={NAME}")
    yield page
    context.close()


def test_the_log_says_whose_time_it_shows(page: Page) -> None:
    expect(page.locator(".log-time")).to_have_text("03:04:05,678")
    expect(page.locator(".log-times")).to_contain_text("the instance's own clock")
    expect(page.locator(".log-times")).to_contain_text("UTC+08:00")


def test_escape_codes_and_what_was_written_over_are_left_out(page: Page) -> None:
    expect(page.locator(".log-text")).to_have_text("100 %")
