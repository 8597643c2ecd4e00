"""Makes the pictures of the page that the documentation shows, from real runs of the examples.

``python -m tests.page.pictures`` writes ``docs/images/page-*.png``, light and dark, in both
languages; ``--every FOLDER`` writes every view of both examples instead, wide and narrow as well,
to look at.
"""

from __future__ import annotations

import argparse
import itertools
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.page.browser import NARROW, VIEWS, WIDE, chromium
from tests.page.platform import ROOT, Platform, make_example
from tests.support.waiting import wait_for

DOCS = ROOT / "docs" / "images"
SCHEMES = ("light", "dark")
LOCALES = ("en-US", "zh-CN")
TIMEOUT_S = 300
SHORT = {"epochs": 2}  # leaves mistakes that the longer training corrects
LONGER = {"epochs": 40}  # so that it runs for as long as two pictures take
NAMES = ("2 epochs", "40 epochs")
MARGIN = 16  # px around a part of the page
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
def example(name: str, temporary: Path, **params: Any) -> Iterator[Platform]:
    """Yield a platform on which an example has trained, evaluated and inferred."""
    platform = Platform(temporary / f"{name}-runs", make_example(name, temporary))
    try:
        platform.post("workflow", images=6, special_params=params)
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
    with example("digits", temporary, **SHORT) as platform:
        take_running(browser, platform)
        platform.post("workflow/evaluate")
        platform.wait_workflow(timeout=TIMEOUT_S)
        for scheme, locale in itertools.product(SCHEMES, LOCALES):
            take_digits(browser, platform, scheme, locale)
    with example("defects", temporary) as platform:
        for scheme, locale in itertools.product(SCHEMES, LOCALES):
            with visit(browser, f"{platform.url}/#/results", scheme, locale) as page:
                page.locator(".tile[data-outcome]").first.click()
                expect(page.locator(".lightbox .prediction").first).to_be_visible()
                save(page, "boxes", scheme, locale)


def take_running(browser: Browser, platform: Platform) -> None:
    """Take the instances while one of them trains."""
    address = f"{platform.url}/#/overview"
    with ExitStack() as stack:
        pages = {
            (scheme, locale): stack.enter_context(visit(browser, address, scheme, locale))
            for scheme, locale in itertools.product(SCHEMES, LOCALES)
        }
        platform.post("workflow/train", special_params=LONGER)
        for (scheme, locale), page in pages.items():
            running = page.locator(".card[data-state=running] .share")
            expect(running).to_have_text(ADVANCED, timeout=TIMEOUT_S * 1000)
            save(page, "overview", scheme, locale)
    platform.wait_workflow(timeout=TIMEOUT_S)


def take_digits(browser: Browser, platform: Platform, scheme: str, locale: str) -> None:
    """Take what there is to see of two trainings and their evaluations."""
    runs = platform.get("state")["runs"]
    short, long = (run["id"] for run in runs if run["kind"] == "train")
    before, after = (run["id"] for run in runs if run["kind"] == "evaluate")
    for name, *numbers in zip(NAMES, (short, long), (before, after), strict=True):
        platform.post("annotate", runs=numbers, name=name)
    instance = next(run["instance"] for run in runs if run["id"] == long)

    @contextmanager
    def view(address: str) -> Iterator[Page]:
        with visit(browser, f"{platform.url}/#/{address}", scheme, locale) as page:
            yield page

    with view(f"curves?runs={short},{long}&smooth=0.6&log=loss") as page:
        expect(page.locator(".plot[data-points]")).to_have_count(2)
        area = page.locator(".u-over").first.bounding_box()
        assert area
        page.mouse.move(area["x"] + area["width"] * 0.3, area["y"] + 60)
        save(page, "curves", scheme, locale)
    with view("overview") as page:
        page.locator(".models").scroll_into_view_if_needed()
        expect(page.locator("[data-model]").first).to_be_visible()
        save(page, "models", scheme, locale, of=".models")
    with view(f"runs?runs={short},{long}") as page:
        expect(page.locator(".grid-row[data-run]").first).to_be_visible()
        save(page, "runs", scheme, locale)
    with view(f"runs?compare={short},{long}") as page:
        expect(page.locator(".compare-table tbody").first).to_be_visible()
        save(page, "compare", scheme, locale)
    with view(f"system?instance={instance}") as page:
        expect(page.locator(".system-chart canvas").first).to_be_visible()
        save(page, "system", scheme, locale)
    with view(f"log?instance={instance}&file=console") as page:
        expect(page.locator(".log-line").first).to_be_visible()
        page.locator(".tail").evaluate("e => { e.scrollTop = 0; }")
        expect(page.get_by_text("training on")).to_be_visible()
        save(page, "console", scheme, locale)
    with view(f"results?run={after}") as page:
        expect(page.locator(".matrix button").first).to_be_visible()
        expect(page.locator(".tile[data-outcome]").first).to_be_visible()
        save(page, "results", scheme, locale)
    with view(f"results?run={after}&against={before}") as page:
        expect(page.locator(".matrix").first).to_be_visible()
        expect(page.locator(".cell .tile").first).to_be_visible()
        save(page, "evaluations", scheme, locale)


@contextmanager
def visit(
    browser: Browser,
    url: str,
    scheme: str = "light",
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
            "(i => i.complete) && [...document.querySelectorAll('.chart .plot')].slice(0, 2).every"
            "(p => p.dataset.points)"
        ),
        "a page that has settled",
    )
    # Images are decoded beside the painting: one that is complete may not be painted yet.
    page.evaluate("() => Promise.all([...document.images].filter(i => i.src).map(i => i.decode()))")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)))")


def save(page: Page, view: str, scheme: str, locale: str, of: str | None = None) -> None:
    """Write a picture for the documentation.

    Args:
        page: what is shown.
        view: its name in the file's.
        scheme: light or dark.
        locale: the language in which it is shown.
        of: selects a part of the page; None for all that is visible.
    """
    settle(page)
    suffix = "" if locale == LOCALES[0] else f".{locale}"
    path = DOCS / f"page-{view}-{scheme}{suffix}.png"
    if of is None:
        page.screenshot(path=path)
        return
    box = page.locator(of).bounding_box()
    assert box
    x, y = max(0.0, box["x"] - MARGIN), max(0.0, box["y"] - MARGIN)
    around = {
        "x": x,
        "y": y,
        "width": box["width"] + 2 * MARGIN,
        "height": box["height"] + 2 * MARGIN,
    }
    page.screenshot(path=path, full_page=True, clip=around)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
