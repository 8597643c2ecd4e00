"""A million points and ten thousand results stay fluid."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.fixtures import Visitor
from tests.page.platform import ROOT, Platform
from tests.page.store import POINTS, RESULTS
from tests.support.waiting import wait_for

FRAMES_PER_SECOND = 30
REPEATS = 5
SECOND_MS = 1000.0

# When the first curve has been painted, in ms since the navigation began.
WATCH = """
addEventListener("DOMContentLoaded", () => {
  const look = () => {
    if (!document.querySelector(".plot[data-points] canvas")) return requestAnimationFrame(look);
    requestAnimationFrame(() => { document.documentElement.dataset.painted = performance.now(); });
  };
  look();
});
"""

# Moves something in each frame for a second; gives the frames per second.
FRAMES = """
async ([name, selector]) => {
  const element = document.querySelector(selector);
  const box = element.getBoundingClientRect();
  const at = { bubbles: true, cancelable: true, clientY: box.top + 60 };
  const moves = {
    zoom: (n) => element.dispatchEvent(new WheelEvent("wheel",
      { ...at, clientX: box.left + box.width / 3, deltaY: n % 60 < 30 ? -30 : 30 })),
    hover: (n) => element.dispatchEvent(new MouseEvent("mousemove",
      { ...at, clientX: box.left + (n * 7) % box.width })),
    scroll: (n) => { element.scrollTop += n % 80 < 50 ? 90 : -60; },
  };
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  const begin = performance.now();
  let frames = 0;
  while (performance.now() - begin < 1000) {
    moves[name](frames++);
    await frame();
  }
  return frames * 1000 / (performance.now() - begin);
}
"""


@pytest.fixture(scope="module")
def platform(
    start: Callable[..., Platform], algorithm: Path, tmp_path_factory: pytest.TempPathFactory
) -> Platform:
    runs = tmp_path_factory.mktemp("load") / "runs"
    images = sorted((algorithm / "data").rglob("*.png"))
    command = [sys.executable, "-m", "tests.page.store", str(runs), *map(str, images)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=240)
    return start("--images", algorithm / "data", runs=runs)


def frames_per_second(page: Page, move: str, selector: str) -> float:
    """The best of several seconds of movement: others use the machine too."""
    found = [page.evaluate(FRAMES, [move, selector]) for _ in range(REPEATS)]
    print(f"{move} {selector}: {[round(value) for value in found]} frames/s")
    return max(found)


def test_the_first_curve_of_a_million_points_comes_within_a_second(
    platform: Platform, visit: Visitor
) -> None:
    times: list[float] = []
    while len(times) < 3 or (min(times) > SECOND_MS and len(times) < 9):  # others use the machine
        page = visit("about:blank")
        page.add_init_script(WATCH)
        page.goto(f"{platform.url}/#/curves")
        expect(page.locator("html[data-painted]")).to_have_count(1)
        times.append(float(page.locator("html").get_attribute("data-painted") or "inf"))
        note = page.locator(".chart-note")
        expect(note).to_contain_text(f"{POINTS:,} points")
        page.context.close()
    print(f"first curve after {[round(time) for time in times]} ms")
    assert min(times) <= SECOND_MS


def test_a_spike_among_a_million_points_is_kept(platform: Platform, visit: Visitor) -> None:
    [run] = [run for run in platform.get("state")["runs"] if run["metrics"]]
    curve = platform.get(f"curves?run={run['id']}&metric=loss&axis=step&width=400")
    assert max(curve["y"]) == 9.0
    assert len(curve["x"]) <= 2 * 400 + 4


@pytest.mark.parametrize("move", ["zoom", "hover"])
def test_a_curve_of_a_million_points_is_fluid(
    platform: Platform, visit: Visitor, move: str
) -> None:
    page = visit(f"{platform.url}/#/curves")
    expect(page.locator(".plot[data-points] .u-over")).to_be_visible()
    assert frames_per_second(page, move, ".u-over") >= FRAMES_PER_SECOND


def test_ten_thousand_results_are_fluid(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/results")
    expect(page.locator(".gallery-count")).to_have_text(f"{RESULTS:,} of {RESULTS:,} images")
    expect(page.locator(".tile[data-outcome]").first).to_be_visible()
    assert frames_per_second(page, "scroll", "main") >= FRAMES_PER_SECOND
    # Few elements exist, and the last images come when they are scrolled to.
    assert page.locator(".tile").count() < 300
    page.locator("main").evaluate("e => { e.scrollTop = e.scrollHeight; }")
    wait_for(lambda: page.locator(".tile.loading:visible").count() == 0, "the last images")
    expect(page.locator(".tile[data-outcome]:visible").last).to_be_visible()
