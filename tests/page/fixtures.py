"""A real Chromium, which may neither complain nor ask another host for anything.

The top-level ``conftest.py`` loads it for all tests: a process can have one Playwright.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page

from tests.page.browser import WIDE, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


# Chromium breaks off every request when a network interface comes or goes, on loopback too. Tests
# with containers beside these make some all the time; a page that was being loaded is loaded again.
NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"
TRIES = 10


class Visitor:
    """Opens pages and notes what they complain of and whom they ask."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self._interrupted = False
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
        self._open(page, url)
        return page

    def _open(self, page: Page, url: str) -> None:
        for _ in range(TRIES):
            self._interrupted = False
            try:
                page.goto(url)
            except Error as error:
                if NETWORK_CHANGED not in str(error):
                    raise
                continue
            if not self._interrupted:
                return
            page.goto("about:blank")  # or another fragment of the address would load nothing
        raise AssertionError("the network never stays as it is")

    def _note(self, text: str) -> None:
        if NETWORK_CHANGED in text:
            self._interrupted = True
        elif not self.forgiven or self.forgiven not in text:
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
