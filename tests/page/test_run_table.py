"""A thousand runs with two hundred metrics each cost what is visible of them.

The platform is real; its state is given these runs on its way to the page.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.page.fixtures import Visitor
from tests.page.platform import Platform

RUNS = 1000
METRICS = 200
FEW_RUNS, FEW_METRICS = 60, 10  # more than is visible at once, too
ELEMENTS = 2500  # of the whole page; one for each cell would be 400 000
REPEATS = 5
TIMES_MORE = 2.0  # that a frame may take for all of them
NAMES = [f"group{m % 8}/metric{m}" for m in range(METRICS)]

# Puts runs into the state.
FILL = """
(runs, names) => {
  const run = (id) => {
    const shift = id * 7 % 1000 / 1000;
    return {
      id, instance: `net-a1-train-${id}`, kind: "train", number: 1, started_ms: 1.75e12 + id,
      ended_ms: 1.75e12 + 1e5, status: 200, message: "END", progress: 1, epoch: 1, by_batch: false,
      remaining_s: null, results: 0, images: 0, truth: false, params: {"special_params.lr": shift},
      name: "", note: "", tags: [], hue: null, hidden: false,
      metrics: names.map((name, m) =>
        ({ name, points: 1, last: m + shift, low: m + shift, high: m + shift })),
    };
  };
  const real = window.fetch;
  window.fetch = async (address, options) => {
    const reply = await real(address, options);
    if (!String(address).startsWith("api/state")) return reply;
    const state = await reply.json();
    return Response.json({ ...state, runs: Array.from({ length: runs }, (_, n) => run(n + 1)) });
  };
}
"""

# Scrolls the table by a few rows and columns in each of a hundred frames.
SCROLL = """
async () => {
  const grid = document.querySelector(".run-grid");
  for (let n = 0; n < 100; n++) {
    grid.scrollTop += n % 80 < 50 ? 90 : -60;
    grid.scrollLeft += n % 40 < 20 ? 40 : -40;
    await new Promise(requestAnimationFrame);
  }
}
"""


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform]) -> Platform:
    return start()


def show(visit: Visitor, platform: Platform, runs: int, metrics: int) -> Page:
    """Open the table of so many runs with every column."""
    names = NAMES[:metrics]
    ids = ["state", *(f"{group}:{name}" for name in names for group in ("last", "best"))]
    page = visit("about:blank")
    kept = json.dumps(json.dumps(ids))
    page.add_init_script(f"localStorage.setItem('dubhe.run-columns', {kept})")
    page.add_init_script(f"({FILL})({runs}, {json.dumps(names)})")
    page.goto(f"{platform.url}/#/runs")
    expect(page.get_by_text(f"{runs:,} of {runs:,} runs")).to_be_visible(timeout=60_000)
    expect(page.locator(".grid-row[data-run]").first).to_be_visible()
    return page


def elements(page: Page) -> int:
    return int(page.evaluate("() => document.querySelectorAll('*').length"))


def work(page: Page) -> float:
    """Return the processor time of scrolling, in seconds: others use the machine too."""
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})

    def used() -> float:
        metrics = client.send("Performance.getMetrics")["metrics"]
        return float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))

    found = []
    for _ in range(REPEATS):
        before = used()
        page.evaluate(SCROLL)
        found.append(used() - before)
    return statistics.median(found)


def test_only_what_is_visible_has_elements(platform: Platform, visit: Visitor) -> None:
    page = show(visit, platform, RUNS, METRICS)
    grid = page.locator(".run-grid")
    expect(grid).to_have_attribute("aria-rowcount", str(RUNS + 1))
    expect(grid).to_have_attribute("aria-colcount", str(2 * METRICS + 3))
    assert elements(page) < ELEMENTS
    grid.evaluate("e => e.scrollTo(e.scrollWidth, e.scrollHeight)")
    last = page.locator('.grid-row[data-run="1"]')
    expect(last).to_be_in_viewport()
    cell = last.locator('[data-column="best:group7/metric199"]')
    expect(cell).to_have_text("199.01")
    expect(cell).to_be_in_viewport()
    assert elements(page) < ELEMENTS


def test_scrolling_costs_what_is_visible(platform: Platform, visit: Visitor) -> None:
    few = work(show(visit, platform, FEW_RUNS, FEW_METRICS))
    many = work(show(visit, platform, RUNS, METRICS))
    print(f"scrolling: {few * 10:.2f} ms a frame with few, {many * 10:.2f} with all")
    assert many <= TIMES_MORE * few


def test_it_is_sorted_filtered_and_picked_as_a_whole(platform: Platform, visit: Visitor) -> None:
    page = show(visit, platform, RUNS, METRICS)
    heading = page.locator('[data-column="last:group0/metric0"].grid-sort')
    first = page.locator('[aria-rowindex="2"] .grid-name')
    heading.click()
    expect(first).to_have_text("Training #857")  # 7 n mod 1000 is 999
    heading.click()
    expect(first).to_have_text("Training #1000")
    page.get_by_label("Pick all runs shown").check()
    expect(page.get_by_text("Compare", exact=True)).not_to_have_attribute("aria-disabled", "true")
    page.get_by_label("Search").first.fill("train-99")
    expect(page.get_by_text("11 of 1,000 runs")).to_be_visible()
