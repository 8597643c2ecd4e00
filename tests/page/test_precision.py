"""The threshold is chosen on a curve, and true boxes are drawn beside those that were found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.dubhe_simulator.ui import Journal
from tests.page.fixtures import Visitor
from tests.page.pixels import Shot, stroke_of
from tests.page.platform import IMAGE_COLOUR, IMAGE_SIZE, Platform
from tests.page.store import SaidMessage, store, task

FOUND, TRUE, MISSED = [[10, 10], [40, 40]], [[10, 10], [40, 46]], [[60, 10], [90, 30]]
FALSE = [[60, 50], [90, 70]]
FALSE_CONF = 0.4


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory) -> Platform:
    folder = tmp_path_factory.mktemp("precision")
    image = folder / "plate.png"
    Image.new("RGB", IMAGE_SIZE, IMAGE_COLOUR).save(image)

    def entry(
        truth: str, predicted: str, conf: float, position: object, true: object = None
    ) -> dict[str, object]:
        return {
            "ground_true": truth,
            "predict_code": predicted,
            "conf": conf,
            "shape_type": "rectangle",
            "position": position,
            "special": {"true_position": true},
        }

    def evaluation() -> Iterator[SaidMessage]:
        yield task("START")
        info = [
            entry("dent", "dent", 0.9, FOUND, TRUE),
            entry("dent", "", 0.0, MISSED),
            entry("", "dent", FALSE_CONF, FALSE),
        ]
        yield "als_model_result", 3, [{"img_path": str(image), "info": info}]
        yield task("END")

    store(folder / "runs", {"net-a1-forecast-1": evaluation()})
    return start("--images", folder, runs=folder / "runs")


def opened(
    platform: Platform, visit: Visitor, locale: str = "en-US", scheme: str = "light"
) -> Page:
    page = visit(f"{platform.url}/#/results", locale=locale, scheme=scheme)
    expect(page.locator(".pr-working")).not_to_be_empty()
    return page


def test_the_averages_are_shown(platform: Platform, visit: Visitor) -> None:
    page = opened(platform, visit)
    # One of two, first: precision 1 at recalls 0 to 0.5. IoU 30/36 counts up to 0.8.
    expect(page.locator(".averages div")).to_have_text(
        [re.compile("^AP50.00 %"), "mAP5050.50 %", "mAP50–9535.35 %"]
    )


def test_the_working_point_is_moved_along_the_curve(platform: Platform, visit: Visitor) -> None:
    page = opened(platform, visit)
    working = page.locator(".pr-working")
    expect(working).to_have_text("Confidence from 0.00: precision 50.0 %, recall 50.0 %, F1 50.0 %")
    plot = page.locator(".pr-plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 14)  # the upper end of the curve
    expect(working).to_have_text(
        "Confidence from 0.90: precision 100.0 %, recall 50.0 %, F1 66.7 %"
    )
    expect(page.get_by_label("Confidence from").first).to_have_value("0.9")
    expect(page).to_have_url(re.compile("confidence=0.9"))
    expect(page.locator(".pr-dot")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(working).to_contain_text("Confidence from 0.91: precision –, recall 0.0 %")


def test_true_missed_and_false_boxes_look_different(platform: Platform, visit: Visitor) -> None:
    page = opened(platform, visit)
    page.locator(".tile[data-outcome]").click()
    expect(page.locator(".lightbox .prediction rect").first).to_be_visible()
    colour, true = (
        stroke_of(page, f".lightbox {name}")
        for name in (".prediction.right > rect", ".true-shape > rect")
    )
    assert colour != true
    shot = Shot(page)
    near = [TRUE[1][1] + step / shot.scale for step in (-1, 0, 1)]
    assert not all(shot.is_bare(25, y) for y in near), "the true box ends lower"
    assert shot.shows(25, FOUND[1][1], colour)
    assert shot.is_bare(25, (FOUND[1][1] + TRUE[1][1]) / 2)
    dashes = [
        page.locator(f".lightbox .prediction.{outcome} > rect").first.evaluate(
            "e => getComputedStyle(e).strokeDasharray"
        )
        for outcome in ("right", "missed", "false")
    ]
    assert len(set(dashes)) == 3, dashes
    along = [shot.shows(x / 4, FALSE[1][1], colour) for x in range(4 * 62, 4 * 88)]
    assert any(along)
    expect(page.locator(".light-side")).to_contain_text("Dotted: false alarm")


def test_in_chinese_and_dark(platform: Platform, visit: Visitor) -> None:
    page = opened(platform, visit, "zh-CN", "dark")
    expect(page.locator(".pr-working")).to_have_text(
        "置信度不低于 0.00：精确率 50.0 %，召回率 50.0 %，F1 50.0 %"
    )
    line = page.locator(".pr-line").evaluate("e => getComputedStyle(e).stroke")
    assert line == "rgb(116, 174, 252)"


def test_the_curve_follows_a_long_evaluation(
    start: Callable[..., Platform], tmp_path: Path, visit: Visitor
) -> None:
    def results(count: int, predicted: str) -> list[dict[str, object]]:
        info = {"ground_true": "dent", "predict_code": predicted, "conf": 0.9}
        return [{"img_path": "plate.png", "info": [info] * count}]

    platform = start(runs=tmp_path / "runs")
    journal = Journal(platform.runs / "1" / "forecast", "net-a1-forecast-1")
    journal.start()
    journal.report(3, results(6000, "dent"))
    page = visit(f"{platform.url}/#/results")
    expect(page.locator(".precision-recall")).to_contain_text("6,000 right")
    journal.report(3, results(2000, "scratch"))
    expect(page.locator(".precision-recall")).to_contain_text("2,000 missed")
