"""What is written beside the curves, and that any number has a curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.page.fixtures import Visitor
from tests.page.platform import Platform
from tests.page.store import SaidMessage, store, task
from tests.support.waiting import wait_for

EPOCHS = 40
LARGEST = 1.7976931348623157e308
CURVES: dict[str, Callable[[float], float]] = {  # of the share that is done
    "lr": lambda t: 1e-4 * 10 ** (-3 * t),
    "accuracy": lambda t: 0.9971 + 0.0004 * t,
    "memory": lambda t: 7_343_215_616 + 1e7 * math.sin(9 * t),
    "iterations": lambda t: 1_300_000 * t,
    "settled": lambda t: 2.7 * (1 + 1e-10 * math.sin(30 * t)),
    "float32 lr": lambda t: 3e-4 + 2e-7 * math.sin(30 * t),
    "underflow": lambda t: 10 ** (-30 * t),
    "overflow": lambda t: 1e30 * 10 ** (8.5 * t),
    "extreme": lambda t: LARGEST * math.cos(9 * t),
}
# Notes each text that a canvas is given, and where it lies.
WATCH = """
window.written = new Map();
const fill = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
  const metric = this.canvas.closest('.chart')?.dataset.metric ?? '';
  if (!window.written.has(metric)) window.written.set(metric, []);
  const at = this.getTransform().transformPoint(new DOMPoint(x, y));
  const { width } = this.measureText(text);
  const share = { right: 1, center: 0.5 }[this.textAlign] ?? 0;
  const axis = { right: 'y', center: 'x' }[this.textAlign];
  window.written.get(metric).push({ text, axis, left: at.x - share * width, width });
  fill.apply(this, arguments);
};
"""
COLOURED_ROWS = """(canvas) => {
  const slot = canvas.closest('.chart').querySelector('.readout-value');
  const [red, green, blue] = slot.style.getPropertyValue('--run').match(/\\d+/g).map(Number);
  const { width, height } = canvas;
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const rows = new Set();
  for (let at = 0; at < data.length; at += 4) {
    const off = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green)
      + Math.abs(data[at + 2] - blue);
    if (data[at + 3] > 200 && off < 40) rows.add(Math.floor(at / 4 / width));
  }
  return rows.size;
}"""


def training() -> Iterator[SaidMessage]:
    yield task("START")
    for epoch in range(EPOCHS):
        done = epoch / (EPOCHS - 1)
        metrics = {name: curve(done) for name, curve in CURVES.items()}
        data = {**metrics, "progress": (epoch + 1) / EPOCHS, "epoch": epoch + 1}
        yield "alg_model_progress", 2, data
    yield task("END")


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory) -> Platform:
    runs = tmp_path_factory.mktemp("axes") / "runs"
    store(runs, {"axes-a1-train-1": training()})
    return start(runs=runs)


@pytest.fixture
def page(platform: Platform, visit: Visitor) -> Page:
    page = visit(platform.url)
    page.add_init_script(WATCH)
    page.goto(f"{platform.url}/#/curves")
    page.reload()
    return page


def written(page: Page, metric: str, axis: str) -> list[dict[str, Any]]:
    """The labels of an axis of all points as they were drawn last, from below or from the left."""
    chart = page.locator(f".chart[data-metric='{metric}']")
    chart.scroll_into_view_if_needed()
    expect(chart.locator(".plot[data-points]")).to_have_attribute("data-points", str(EPOCHS))
    return drawn(page, metric, axis)


def drawn(page: Page, metric: str, axis: str) -> list[dict[str, Any]]:
    last = """([metric, axis]) => {
      const all = (window.written.get(metric) ?? []).filter((label) => label.axis === axis);
      const number = (label) => Number(label.text);
      return all.slice(all.findLastIndex((label, n) => n && number(label) <= number(all[n - 1])));
    }"""
    return wait_for(lambda: page.evaluate(last, [metric, axis]), f"the labels of {metric}")


def texts(page: Page, metric: str) -> list[str]:
    return [label["text"] for label in written(page, metric, "y")]


def test_each_mark_is_the_number_that_lies_there(page: Page) -> None:
    for metric, curve in CURVES.items():
        labels = texts(page, metric)
        values = [float(text) for text in labels]
        assert len(values) >= 2, (metric, labels)
        assert values == sorted(set(values)), (metric, labels)
        points = [curve(epoch / (EPOCHS - 1)) for epoch in range(EPOCHS)]
        size = max(map(abs, points))
        least, most = min(points) / size, max(points) / size
        room = 0.2 * (most - least) + 1e-15
        for value in values:
            share = value / size if math.isfinite(value) else math.copysign(1.1, value)
            assert least - room <= share <= most + room, (metric, labels)


def test_epochs_are_counted_as_the_algorithm_does(page: Page) -> None:
    written(page, "lr", "y")
    position = page.locator(".chart[data-metric=lr] .readout-x")
    expect(position).to_have_text(f"Epoch {EPOCHS}")


def test_no_label_is_cut_off(page: Page) -> None:
    for metric in CURVES:
        for label in written(page, metric, "y"):
            assert label["left"] >= 0, (metric, label)


def test_each_curve_is_drawn(page: Page) -> None:
    for metric in CURVES:
        written(page, metric, "y")
        # A curve that moves at all goes over most of the chart's rows.
        rows = page.locator(f".chart[data-metric='{metric}'] canvas").evaluate(COLOURED_ROWS)
        assert rows > 80, metric


def test_a_logarithmic_axis_of_any_length_is_drawn_at_once(page: Page) -> None:
    for metric in ("underflow", "overflow", "lr", "extreme"):
        written(page, metric, "y")
        button = page.locator(f".chart[data-metric='{metric}']").get_by_text("log", exact=True)
        button.click(timeout=5000)
        expect(button).to_have_attribute("aria-pressed", "true")
    for _ in range(2):
        wait_for(lambda: "1e-20" in texts(page, "underflow"), "powers of ten")
        wait_for(lambda: "1e36" in texts(page, "overflow"), "powers of ten")
        wait_for(lambda: "1e-5" in texts(page, "lr"), "powers of ten")
        page.reload()  # the choice is in the address


def test_labels_of_the_deepest_zoom_do_not_overlap(page: Page) -> None:
    for axis in ("Step", "Epoch"):
        page.get_by_role("button", name=axis, exact=True).click()
        written(page, "lr", "y")
        page.locator(".chart[data-metric=lr] .plot").focus()
        for _ in range(70):
            page.keyboard.press("+")
        wait_for(lambda: "window=" in str(page.evaluate("location.href")), "a window")
        labels = drawn(page, "lr", "x")
        for label, following in pairwise(labels):
            assert label["left"] + label["width"] < following["left"], labels
