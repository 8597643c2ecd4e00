"""The console of an instance on the page: everything that its algorithm printed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.browser import NARROW
from tests.page.fixtures import Visitor
from tests.page.platform import Platform

NAME = "console-a1-train-1"
MANY = 1_000_000
SHORT = """\
\x1b[32mloading\x1b[0m the model
INFO:timm.models:of a library
/site-packages/torch/a.py:12: UserWarning: of Python
\r 10 %|#         | 1/10\r 50 %|#####     | 5/10\r100 %|##########| 10/10
Traceback (most recent call last):
  File "app.py", line 3, in train
    raise RuntimeError("CUDA out of memory")
RuntimeError: CUDA out of memory
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("instance")
    (folder / "log").mkdir()
    (folder / "log" / "dubhe.log").write_text("2026-01-02 03:04:05,678 INFO 1 by the SDK\n")
    return folder


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], folder: Path) -> Platform:
    (folder / "console.log").write_text(SHORT, newline="")
    platform = start()
    platform.post("attach", address="http://127.0.0.1:9", instance=NAME, folder=str(folder))
    return platform


@pytest.fixture
def console(folder: Path) -> Path:
    path = folder / "console.log"
    path.write_text(SHORT, newline="")
    return path


def address(platform: Platform, rest: str = "&file=console") -> str:
    return f"{platform.url}/#/log?instance={NAME}{rest}"


def texts(page: Page) -> list[str]:
    return page.locator(".log-line:visible .log-text").all_inner_texts()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_everything_that_was_printed_is_shown_as_a_terminal_shows_it(
    platform: Platform, visit: Visitor, console: Path, locale: str, scheme: str
) -> None:
    page = visit(address(platform, ""), locale=locale, scheme=scheme)
    expect(page.locator(".log-text")).to_have_text("by the SDK")
    page.get_by_role("button", name="Console" if locale == "en-US" else "控制台").click()
    expect(page.locator(".log-line:visible")).to_have_count(8)
    assert texts(page) == [
        "loading the model",
        "INFO:timm.models:of a library",
        "/site-packages/torch/a.py:12: UserWarning: of Python",
        "100 %|##########| 10/10",
        *SHORT.splitlines()[-4:],
    ]
    colour = "e => getComputedStyle(e).color"
    plain, warning, error = (
        page.locator(".log-text", has_text=text).first.evaluate(colour)
        for text in ("loading", "UserWarning", "CUDA")
    )
    assert len({plain, warning, error}) == 3


def test_a_level_leaves_what_is_below_it_out(
    platform: Platform, visit: Visitor, console: Path
) -> None:
    page = visit(address(platform))
    page.get_by_label("Level").select_option("ERROR")
    expect(page.locator(".log-line:visible")).to_have_count(4)
    assert texts(page)[-1] == "RuntimeError: CUDA out of memory"


def test_what_is_printed_is_seen_at_once(platform: Platform, visit: Visitor, console: Path) -> None:
    page = visit(address(platform))
    expect(page.locator(".log-text").last).to_be_visible()
    with console.open("a") as file:
        for text in ("a bar at 1 %", "\ra bar at 2 %"):
            file.write(text)
            file.flush()
            expect(page.get_by_text(text.strip(), exact=True)).to_be_visible()
        file.write("\n" + "".join(f"line {number}\n" for number in range(1000)))
        file.flush()
        expect(page.get_by_text("line 999", exact=True)).to_be_in_viewport()


def test_the_next_match_comes_into_sight(platform: Platform, visit: Visitor, console: Path) -> None:
    with console.open("a") as file:
        file.writelines(f"line {n}{' needle' if n % 400 == 0 else ''}\n" for n in range(2000))
    page = visit(address(platform))
    expect(page.get_by_text("line 1999", exact=True)).to_be_in_viewport()
    search = page.get_by_role("searchbox")
    search.fill("NEEDLE")
    expect(page.locator(".find-result")).to_have_text("1 of 5 lines")
    for place, line in ((2, 400), (3, 800)):
        search.press("Enter")
        expect(page.locator(".find-result")).to_have_text(f"{place} of 5 lines")
        expect(page.locator(".log-line.current .log-text")).to_have_text(f"line {line} needle")
        expect(page.locator(".log-line.current")).to_be_in_viewport()
    page.get_by_role("button", name="Previous match").click()
    expect(page.locator(".find-result")).to_have_text("2 of 5 lines")
    expect(page.locator(".log-line.current mark")).to_have_text("needle")
    with console.open("a") as file:
        file.write("one more needle\n")
    expect(page.locator(".find-result")).to_have_text("2 of 6 lines")


def painted(page: Page) -> None:
    """Wait until what has changed is on the screen."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def test_long_lines_are_wrapped_and_do_not_overlap(
    platform: Platform, visit: Visitor, console: Path
) -> None:
    with console.open("a") as file:
        file.writelines(f"line {n} {'word ' * (n % 90)}\n" for n in range(600))
    page = visit(address(platform), size=NARROW)
    expect(page.get_by_text("line 599", exact=False)).to_be_in_viewport()
    page.get_by_label("Wrap lines").check()
    expect(page.get_by_text("line 599", exact=False)).to_be_in_viewport()
    list_ = page.locator(".tail")
    for turn in range(12):
        list_.evaluate("e => { e.scrollTop -= 700; }")
        painted(page)
        if turn % 4 == 0:
            list_.evaluate("e => { e.scrollTop /= 2; }")
            expect(page.locator(".log-line:visible .log-n:empty")).to_have_count(0)
            painted(page)  # lines that have come are put in their places before that
        boxes = page.locator(".log-line:visible").evaluate_all(
            "all => all.map(e => e.getBoundingClientRect()).map(b => [b.top, b.bottom])"
        )
        boxes.sort()
        assert all(above[1] <= below[0] + 1 for above, below in itertools.pairwise(boxes))
    assert list_.evaluate("e => e.scrollWidth <= e.clientWidth")


def test_the_whole_is_downloaded_as_it_was_written(
    platform: Platform, visit: Visitor, console: Path
) -> None:
    page = visit(address(platform))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"{NAME}-console.log"
    assert Path(download.value.path()).read_bytes() == SHORT.encode()


def test_a_million_lines_cost_what_is_shown(
    platform: Platform, visit: Visitor, console: Path
) -> None:
    with console.open("w") as file:
        file.writelines(f"step {number}: loss 0.1234\n" for number in range(MANY))
    page = visit(address(platform))
    expect(page.get_by_text(f"step {MANY - 1}: loss")).to_be_in_viewport(timeout=60_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    list_ = page.locator(".tail")
    page.evaluate(
        """async () => {
          const list = document.querySelector(".tail");
          for (let turn = 0; turn <= 50; turn++) {
            list.scrollTop = (list.scrollHeight - list.clientHeight) * (1 - turn / 50);
            await new Promise(requestAnimationFrame);
          }
        }"""
    )
    expect(page.get_by_text("step 0: loss", exact=False)).to_be_in_viewport()
    assert page.locator(".log-line").count() < 100
    assert len(asked) < 60
    list_.evaluate("e => { e.scrollTop = (e.scrollHeight - e.clientHeight) / 2; }")
    middle = page.locator(".log-line:visible .log-text", has_text="step").first
    expect(middle).to_contain_text("step 49")


def test_a_line_is_seen_within_a_second(platform: Platform, visit: Visitor, console: Path) -> None:
    page = visit(address(platform))
    expect(page.locator(".log-text").last).to_be_visible()
    best = 9.0
    for number in range(5):
        begun = time.monotonic()
        with console.open("a") as file:
            file.write(f"at once {number}\n")
        page.get_by_text(f"at once {number}").wait_for()
        best = min(best, time.monotonic() - begun)
    assert best < 1
