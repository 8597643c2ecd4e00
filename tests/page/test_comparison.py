"""Two evaluations of a hundred thousand images beside each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.page.fixtures import Visitor
from tests.page.platform import IMAGE_COLOUR, IMAGE_SIZE, Platform
from tests.page.store import SaidMessage, store, task

RESULTS = 100_000
CLASSES = 20
A_MESSAGE = 1000  # results
MOST_PAINT_MS = 10_000  # on a busy machine; alone it is a tenth of it
BROKEN, FIXED, OTHER = 500, 1000, 250
BOXES = {"before": [[10, 10], [40, 40]], "after": [[50, 20], [90, 70]]}
WATCH = """
addEventListener("DOMContentLoaded", () => {
  const look = () => {
    if (!document.querySelector(".difference-matrix button")) return requestAnimationFrame(look);
    requestAnimationFrame(() => { document.documentElement.dataset.painted = performance.now(); });
  };
  look();
});
"""


def predicted(number: int, truth: int, side: str) -> int:
    """Class of an image: the first 500 break, 1000 mend, 250 stay wrong in another way."""
    before = side == "before"
    if number < BROKEN:
        return truth if before else (truth + 1) % CLASSES
    if number < BROKEN + FIXED:
        return (truth + 1) % CLASSES if before else truth
    if number < BROKEN + FIXED + OTHER:
        return (truth + (1 if before else 2)) % CLASSES
    return truth


def evaluation(folder: Path, side: str) -> Iterator[SaidMessage]:
    yield task("START")
    for first in range(0, RESULTS, A_MESSAGE):
        images = []
        for number in range(first, first + A_MESSAGE):
            truth = number % CLASSES
            info: dict[str, Any] = {
                "ground_true": f"c{truth}",
                "predict_code": f"c{predicted(number, truth, side)}",
                "conf": 0.9,
            }
            if number == 0:
                info |= {"shape_type": "rectangle", "position": BOXES[side], "special": None}
            images.append({"img_path": str(folder / f"{number:06d}.png"), "info": [info]})
        yield "als_model_result", 3, images
    yield task("END")


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory) -> Platform:
    folder = tmp_path_factory.mktemp("comparison")
    files = folder / "files"
    files.mkdir()
    for number in range(3):
        Image.new("RGB", IMAGE_SIZE, IMAGE_COLOUR).save(files / f"{number:06d}.png")
    said = {f"net-{n}-forecast-{n}": evaluation(files, s) for n, s in ((1, "before"), (2, "after"))}
    store(folder / "runs", said)
    return start("--images", files, runs=folder / "runs")


@pytest.fixture
def page(platform: Platform, visit: Visitor) -> Page:
    page = visit("about:blank")
    page.add_init_script(WATCH)
    page.goto(f"{platform.url}/#/results?run=2&against=1")
    expect(page.locator("html[data-painted]")).to_have_count(1)
    return page


def test_the_figures_come_at_once_with_their_differences(page: Page) -> None:
    painted = float(page.locator("html").get_attribute("data-painted") or "inf")
    print(f"first figures after {painted:.0f} ms")
    assert painted <= MOST_PAINT_MS
    accuracy = page.locator(".compared.overall tbody tr").first.locator("td")
    expect(accuracy).to_have_text(["98.75 %", "99.25 %", "+0.50 pp"])
    expect(page.locator(".compared.overall .better").first).to_be_visible()
    mistakes = page.locator(".compared.overall tbody tr").nth(1).locator("td")
    expect(mistakes).to_have_text(["1,250", "750", "−500"])


def test_the_images_that_flipped_are_listed_by_kind(page: Page) -> None:
    buttons = page.get_by_role("group", name="Images that changed").locator("button")
    expect(buttons).to_have_text(
        ["All (1,750)", "Right → wrong (500)", "Wrong → right (1,000)", "Wrong → other wrong (250)"]
    )
    buttons.nth(1).click()
    expect(page.locator(".gallery-count")).to_have_text("500 changed of the 100,000 images in both")
    expect(page.locator(".tile[data-kind=broken]").first).to_be_visible()
    expect(page.locator(".tile[data-kind=fixed]:visible")).to_have_count(0)
    page.reload()
    expect(page.locator(".gallery-count")).to_contain_text("500 changed")


def test_a_cell_of_the_difference_shows_its_images(page: Page) -> None:
    # 25 images of each class broke to the next, 50 were mended from there, 12 or 13 moved on.
    cell = page.locator(".difference-matrix button[data-truth=c3][data-predicted=c4]")
    assert int(cell.inner_text().replace("−", "-")) < 0
    assert "right" in (cell.locator("..").get_attribute("class") or "")
    cell.click()
    expect(cell).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".gallery-count")).to_contain_text(re.compile(r"^8[78] changed"))
    cell.click()
    expect(page.locator(".gallery-count")).to_contain_text("1,750 changed")


def test_both_predictions_are_drawn_side_by_side(page: Page) -> None:
    page.locator(".tile[data-name='000000.png']").click()
    panes = page.locator(".light-pane")
    expect(panes.locator("figcaption")).to_have_text([re.compile("^A"), re.compile("^B")])
    for place, side in enumerate(BOXES):
        pane = panes.nth(place)
        expect(pane.locator(".prediction > rect").first).to_be_visible()
        picture = pane.locator(".picture").bounding_box()
        box = pane.locator(".prediction > rect").first.bounding_box()
        assert picture
        assert box
        scale = min(picture["width"] / IMAGE_SIZE[0], picture["height"] / IMAGE_SIZE[1])
        left = picture["x"] + (picture["width"] - IMAGE_SIZE[0] * scale) / 2
        assert (box["x"] - left) / scale == pytest.approx(BOXES[side][0][0], abs=1)
    tables = page.locator(".light-side table.predictions")
    expect(tables.nth(0)).to_contain_text("c0")
    expect(tables.nth(1)).to_contain_text("c1")
    page.keyboard.press("+")
    widths = [
        panes.nth(n).locator("img").evaluate("i => i.getBoundingClientRect().width") for n in (0, 1)
    ]
    assert widths[0] == pytest.approx(widths[1], abs=1)
    shown = panes.nth(0).locator(".picture").bounding_box()
    assert shown
    assert widths[0] == pytest.approx(shown["width"] * 1.5, rel=0.01), "both are magnified"
    page.keyboard.press("Escape")


def test_the_comparison_is_reached_from_the_results_in_both_languages(
    platform: Platform, visit: Visitor
) -> None:
    page = visit(f"{platform.url}/#/results?run=2", locale="zh-CN", scheme="dark")
    page.get_by_label("对比").select_option("1")
    expect(page.locator("h1")).to_have_text("评估结果对比（A 与 B）")
    expect(page.get_by_label("A：之前")).to_have_value("1")
    expect(page.get_by_label("B：之后")).to_have_value("2")
    expect(page.locator(".compared.overall .better").first).to_have_text("+0.50 pp")
    page.get_by_role("button", name="交换 A 和 B").click()
    expect(page.locator(".compared.overall .worse").first).to_have_text("−0.50 pp")


def test_without_truths_nothing_is_called_right_or_wrong(
    start: Callable[..., Platform], tmp_path: Path, visit: Visitor
) -> None:
    def without_truths(predicted: str) -> Iterator[SaidMessage]:
        yield task("START")
        for number, name in enumerate(("same", predicted)):
            info = {"ground_true": "", "predict_code": name, "conf": 0.9}
            yield "als_model_result", 3, [{"img_path": f"{number}.png", "info": [info]}]
        yield task("END")

    said = {f"net-{n}-forecast-{n}": without_truths(name) for n, name in ((1, "a"), (2, "b"))}
    store(tmp_path / "runs", said)
    page = visit(f"{start(runs=tmp_path / 'runs').url}/#/results?run=2&against=1")
    expect(page.locator(".gallery-count")).to_have_text("1 changed of the 2 images in both")
    expect(page.get_by_role("group", name="Images that changed")).to_be_hidden()
