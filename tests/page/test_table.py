"""An algorithm without images, in the browser: its results are a table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.fixtures import Visitor
from tests.page.platform import Platform, make_example

WINDOWS = 240
COMMON = ["Sample", "Truth", "Predicted", "Confidence", "Outcome"]
OWN = ["rms", "peak", "crest", "kurtosis"]


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory) -> Platform:
    platform = start(make_example("sensor", tmp_path_factory.mktemp("table")))
    platform.post("workflow")
    platform.wait_workflow(timeout=300)
    return platform


@pytest.fixture
def page(platform: Platform, visit: Visitor) -> Page:
    page = visit(f"{platform.url}/#/results")
    expect(page.locator(".rows .mono").first).to_have_text("pump-4:0000")
    return page


def column(page: Page, place: int) -> list[str]:
    rows = page.locator(".rows-row:not(.rows-head):visible")
    found = [
        (row.get_attribute("aria-rowindex"), row.locator("[role=cell]").nth(place).inner_text())
        for row in rows.all()
    ]
    return [text for _, text in sorted(found, key=lambda one: int(one[0] or 0))]


def test_results_are_rows_with_the_algorithms_columns(page: Page) -> None:
    expect(page.locator("[role=columnheader]")).to_have_text(COMMON + OWN)
    expect(page.locator(".gallery-count")).to_have_text(f"{WINDOWS} of {WINDOWS} rows")
    expect(page.locator(".tile:visible")).to_have_count(0)
    expect(page.locator(".figure").first).to_contain_text("%")


def test_rows_are_sorted_filtered_and_searched(page: Page) -> None:
    page.get_by_role("button", name="rms").click()
    expect(page.locator("[role=columnheader][aria-sort=ascending]")).to_contain_text("rms ↑")
    expect(page.locator(".rows .mono").first).not_to_have_text("pump-4:0000")
    rms = [float(text) for text in column(page, 5)]
    assert len(rms) > 5
    assert rms == sorted(rms)
    page.get_by_role("button", name="rms").click()
    expect(page.locator("[role=columnheader][aria-sort=descending]")).to_contain_text("rms ↓")
    page.get_by_label("Search").fill("pump-5")
    expect(page.locator(".gallery-count")).to_have_text(f"120 of {WINDOWS} rows")
    page.get_by_label("Outcome").get_by_role("button", name="Wrong").click()
    expect(page.locator(".gallery-count")).to_have_text(
        re.compile(rf"^\d{{1,2}} of {WINDOWS} rows")
    )
    wrong = page.locator(".outcome-cell.wrong").first
    assert wrong.evaluate("e => getComputedStyle(e).color") == "rgb(179, 38, 30)"
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("pump-5")


def test_the_rows_are_saved_as_csv(page: Page) -> None:
    page.get_by_label("Search").fill("pump-4")
    expect(page.locator(".gallery-count")).to_have_text(f"120 of {WINDOWS} rows")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save these rows as CSV").click()
    text = Path(download.value.path()).read_text("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["id", "truth", "predicted", "confidence", "outcome", *OWN]
    assert len(rows) == 121


def test_in_chinese_and_dark(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/results", locale="zh-CN", scheme="dark")
    expect(page.locator("[role=columnheader]").first).to_have_text("样本")
    expect(page.locator(".gallery-count")).to_have_text(f"{WINDOWS} 行中的 {WINDOWS} 行")
    page.get_by_role("button", name="图片", exact=True).click()
    expect(page.locator(".tile:visible").first).to_be_visible()
