"""Curves: windows, smoothing, what is no number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.fixtures import Visitor
from tests.page.platform import Platform
from tests.page.store import SaidMessage, store, task
from tests.support.waiting import wait_for

POINTS = 30


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], algorithm: Path) -> Platform:
    platform = start(algorithm)
    for _ in range(2):
        platform.post("workflow/train", special_params={"epochs": 3, "pause": 0})
        platform.wait_workflow()
    return platform


@pytest.fixture
def page(platform: Platform, visit: Visitor) -> Page:
    page = visit(f"{platform.url}/#/curves")
    expect(page.locator(".plot[data-points]")).to_have_count(2)
    return page


def address(page: Page) -> str:
    return str(page.evaluate("() => location.href"))


def total(page: Page, metric: str = "loss") -> int:
    plot = page.locator(f".chart[data-metric={metric}] .plot")
    return int(plot.get_attribute("data-total") or 0)


def test_what_is_no_number_is_marked(page: Page) -> None:
    expect(page.locator(".chart[data-metric=loss] .chart-note")).to_contain_text("2 marked")
    expect(page.locator(".chart[data-metric=accuracy] .chart-note")).to_have_text("")
    area = page.locator(".chart[data-metric=loss] .u-over")
    box = area.bounding_box()
    assert box
    seen = set()
    readout = page.locator(".chart[data-metric=loss] .readout-value")
    for x in range(0, int(box["width"]), 3):
        page.mouse.move(box["x"] + x, box["y"] + 60)
        seen.add(readout.inner_text())
    assert {"NaN", "∞"} <= seen


def test_a_drag_shows_a_window_that_survives_a_reload(page: Page) -> None:
    all_points = total(page)
    box = page.locator(".chart[data-metric=loss] .u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 50, steps=4)
    page.mouse.up()
    wait_for(lambda: 0 < total(page) < all_points, "the window's own points")
    wait_for(lambda: 0 < total(page, "accuracy") < POINTS, "the other chart follows")
    wait_for(lambda: "window=" in address(page), "the window in the address")
    page.reload()
    wait_for(lambda: 0 < total(page) < all_points, "the window after a reload")
    page.locator(".chart[data-metric=loss] .u-over").dblclick()
    wait_for(lambda: total(page) == all_points, "everything again")


def test_keys_zoom_and_pan(page: Page) -> None:
    plot = page.locator(".chart[data-metric=loss] .plot")
    plot.focus()
    for key in ("+", "+", "ArrowRight"):
        page.keyboard.press(key)
    wait_for(lambda: "window=" in address(page), "a window")
    page.keyboard.press("0")
    wait_for(lambda: "window=" not in address(page), "everything")


def test_runs_are_laid_over_each_other(page: Page) -> None:
    expect(page.locator(".chip[aria-pressed=true]")).to_have_count(1)
    page.locator(".chip[aria-pressed=false]").click()
    wait_for(lambda: total(page, "accuracy") == 2 * POINTS, "both runs' points")
    expect(page.locator(".chart[data-metric=loss] .readout-value")).to_have_count(2)


def test_smoothing_shows_both_values(page: Page) -> None:
    page.get_by_label("Smoothing").fill("0.9")
    readout = page.locator(".chart[data-metric=accuracy] .readout-value")
    expect(readout).to_contain_text("(")
    wait_for(lambda: "smooth=0.9" in address(page), "the smoothing in the address")


def test_no_value_is_cut_beside_another_runs_smoothed_one(page: Page) -> None:
    page.get_by_label("Smoothing").fill("0.9")
    page.locator(".chip[aria-pressed=false]").click()
    chart = page.locator(".chart[data-metric=loss]")
    values = chart.locator(".readout-value")
    expect(values).to_have_count(2)
    expect(values.first).not_to_contain_text("(")
    frame = chart.locator(".readout-values").bounding_box()
    assert frame
    for number in range(2):
        box = values.nth(number).bounding_box()
        assert box and box["x"] + box["width"] <= frame["x"] + frame["width"] + 0.5


def test_the_axis_can_be_steps_or_time(page: Page) -> None:
    position = page.locator(".chart[data-metric=accuracy] .readout-x")
    expect(position).to_have_text("Epoch 2 · 100.0 %")  # as the algorithm counts them
    page.get_by_role("button", name="Step").click()
    expect(position).to_have_text(f"Step {POINTS - 1}")
    page.get_by_role("button", name="Time").click()
    expect(position).to_contain_text(":")


def said(points: int) -> list[SaidMessage]:
    shares = [(number + 1) / points for number in range(points)]
    progress: list[SaidMessage] = [
        ("alg_model_progress", 2, {"loss": 1 - share, "progress": share, "epoch": number})
        for number, share in enumerate(shares)
    ]
    return [task("START"), *progress, task("END")]


def test_without_a_choice_the_newest_training_is_shown(
    start: Callable[..., Platform], tmp_path: Path, visit: Visitor
) -> None:
    """An evaluation after it has one point of each metric; alone, it is shown all the same."""
    said_by = {
        "curves-a1-train-1": said(20),
        "curves-a1-train-2": said(30),
        "curves-a1-forecast-3": said(1),
    }
    store(tmp_path / "both", said_by)
    page = visit(f"{start(runs=tmp_path / 'both').url}/#/curves")
    chosen = page.locator(".chip[aria-pressed=true]")
    expect(chosen).to_have_count(1)
    expect(chosen).to_contain_text("Training #2")
    wait_for(lambda: total(page) == 30, "the points of the newest training")

    store(tmp_path / "alone", {"curves-a1-forecast-3": said(1)})
    page = visit(f"{start(runs=tmp_path / 'alone').url}/#/curves")
    expect(page.locator(".chip[aria-pressed=true]")).to_contain_text("Evaluation #1")
    wait_for(lambda: total(page) == 1, "the point of the evaluation")
