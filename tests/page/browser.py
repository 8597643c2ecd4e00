"""A real, headless Chromium and the shapes in which the page is looked at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = (1280, 800)
NARROW = (390, 844)
expect.set_options(timeout=20_000)
VIEWS = ("overview", "runs", "curves", "system", "results", "send", "log", "messages", "delivery")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield the browser; it ends with the block."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "chromium is not installed; tests/run.sh installs it on Debian"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()
