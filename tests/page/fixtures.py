"""A real Chromium, which may neither complain nor ask another host for anything.

The top-level ``conftest.py`` loads it for all tests: a process can have one Playwright.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests.page.browser import WIDE, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class Visitor:
    """Opens pages and notes what they complain of and whom they ask."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.forgiven = ""  # complaints that hold this text are expected

    def __call__(
        self,
        url: str,
        *,
        size: tuple[int, int] = WIDE,
        locale: str = "en-US",
        scheme: str = "light",
    ) -> Page:
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale=locale,
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        page = context.new_page()
        page.on("console", lambda m: m.type in ("error", "warning") and self._note(m.text))
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.goto(url)
        return page

    def _note(self, text: str) -> None:
        if not self.forgiven or self.forgiven not in text:
            self.complaints.append(text)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visitor]:
    visitor = Visitor(browser)
    yield visitor
    for context in browser.contexts:
        context.close()
    assert visitor.complaints == []
    foreign = {host for host in visitor.hosts if host and not host.startswith("127.0.0.1:")}
    assert foreign == set()
