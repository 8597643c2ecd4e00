"""What does not work is said on every view."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.page.browser import VIEWS
from tests.page.fixtures import Visitor
from tests.page.platform import Platform
from tests.support.ports import reserved_port


@pytest.mark.parametrize(
    ("locale", "text"), [("en-US", "Messages cannot be read from"), ("zh-CN", "无法从")]
)
def test_a_broker_that_is_away_is_told_on_all_views(
    start: Callable[..., Platform], visit: Visitor, locale: str, text: str
) -> None:
    with reserved_port() as nobody:
        platform = start("--brokers", f"127.0.0.1:{nobody}")
        page = visit(platform.url, locale=locale)
        for view in VIEWS:
            page.goto(f"{platform.url}/#/{view}")
            expect(page.locator("nav [aria-current]")).to_have_attribute("href", f"#/{view}")
            expect(page.locator(".banner")).to_contain_text(text)
            expect(page.locator(".banner")).to_contain_text(str(nobody))
        expect(page.locator(".source-card .badge")).to_have_class("badge failed")
