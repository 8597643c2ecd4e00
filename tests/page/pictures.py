"""Makes the pictures of the page that the documentation shows, from real runs of the examples.

``python -m tests.page.pictures`` writes ``docs/images/page-*.png``; ``--every FOLDER`` writes every
view of both examples instead, light and dark, in both languages, wide and narrow, to look at.
"""

from __future__ import annotations

import argparse
import itertools
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.page.browser import NARROW, VIEWS, WIDE, chromium
from tests.page.platform import ROOT, Platform, make_example
from tests.support.waiting import wait_for

DOCS = ROOT / "docs" / "images"
SCHEMES = ("light", "dark")
LOCALES = ("en-US", "zh-CN")
TIMEOUT_S = 300
LONGER = {"epochs": 40}  # so that it runs for as long as two pictures take
ADVANCED = re.compile(r"[2-9]\d\.\d %")


def main() -> None:
    """Make what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.page.pictures", description=__doc__)
    parser.add_argument("--every", type=Path, metavar="FOLDER", help="every view, into FOLDER")
    every = parser.parse_args().every
    with tempfile.TemporaryDirectory() as temporary, chromium() as browser:
        if every is None:
            take_for_docs(browser, Path(temporary))
        else:
            every.mkdir(parents=True, exist_ok=True)
            for name in ("digits", "defects"):
                take_every(browser, Path(temporary), name, every)


@contextmanager
def example(name: str, temporary: Path) -> Iterator[Platform]:
    """Yield a platform on which an example has trained, evaluated and inferred."""
    platform = Platform(temporary / f"{name}-runs", make_example(name, temporary))
    try:
        platform.post("workflow", images=6)
        platform.wait_workflow(timeout=TIMEOUT_S)
        yield platform
    finally:
        platform.close()


def take_every(browser: Browser, temporary: Path, name: str, folder: Path) -> None:
    """Take every view of one example in every shape."""
    with example(name, temporary) as platform:
        shapes = itertools.product(VIEWS, SCHEMES, LOCALES, (WIDE, NARROW))
        for view, scheme, locale, size in shapes:
            with visit(browser, f"{platform.url}/#/{view}", scheme, locale, size) as page:
                settle(page)
                path = folder / f"{name}-{view}-{scheme}-{locale[:2]}-{size[0]}.png"
                page.screenshot(path=path)


def take_for_docs(browser: Browser, temporary: Path) -> None:
    """Take what the documentation shows."""
    with example("digits", temporary) as platform:
        address = f"{platform.url}/#/overview"
        with visit(browser, address, "light") as light, visit(browser, address, "dark") as dark:
            platform.post("workflow/train", special_params=LONGER)
            for page, scheme in ((light, "light"), (dark, "dark")):
                running = page.locator(".card[data-state=running] .share")
                expect(running).to_have_text(ADVANCED, timeout=TIMEOUT_S * 1000)
                save(page, "overview", scheme)
        platform.wait_workflow(timeout=TIMEOUT_S)
        trainings = [run["id"] for run in platform.get("state")["runs"] if run["metrics"]]
        runs = ",".join(map(str, trainings))
        for scheme in SCHEMES:
            with visit(
                browser, f"{platform.url}/#/curves?runs={runs}&smooth=0.6&log=loss", scheme
            ) as page:
                expect(page.locator(".plot[data-points]")).to_have_count(2)
                area = page.locator(".u-over").first.bounding_box()
                assert area
                page.mouse.move(area["x"] + area["width"] * 0.3, area["y"] + 60)
                save(page, "curves", scheme)
            with visit(browser, f"{platform.url}/#/results", scheme) as page:
                expect(page.locator(".matrix button").first).to_be_visible()
                expect(page.locator(".tile[data-outcome]").first).to_be_visible()
                save(page, "results", scheme)
    with example("defects", temporary) as platform:
        for scheme in SCHEMES:
            with visit(browser, f"{platform.url}/#/results", scheme) as page:
                page.locator(".tile[data-outcome]").first.click()
                expect(page.locator(".lightbox .prediction").first).to_be_visible()
                save(page, "boxes", scheme)


@contextmanager
def visit(
    browser: Browser,
    url: str,
    scheme: str,
    locale: str = "en-US",
    size: tuple[int, int] = WIDE,
) -> Iterator[Page]:
    """Yield the page, opened as a first visitor opens it."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,  # type: ignore[arg-type]
        locale=locale,
    )
    page = context.new_page()
    page.goto(url)
    expect(page.locator("h1")).to_be_visible()
    yield page
    context.close()


def settle(page: Page) -> None:
    """Wait until nothing is on its way any more."""
    wait_for(
        lambda: page.evaluate(
            "() => !document.querySelector('.tile.loading') && [...document.images].every"
            "(i => i.complete) && [...document.querySelectorAll('.plot')].slice(0, 2).every"
            "(p => p.dataset.points)"
        ),
        "a page that has settled",
    )
    # Images are decoded beside the painting: one that is complete may not be painted yet.
    page.evaluate("() => Promise.all([...document.images].filter(i => i.src).map(i => i.decode()))")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)))")


def save(page: Page, view: str, scheme: str) -> None:
    """Write a picture for the documentation."""
    settle(page)
    page.screenshot(path=DOCS / f"page-{view}-{scheme}.png")


if __name__ == "__main__":
    main()
