"""Results of a thousand classes: no matrix of a million cells, but what is confused."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.page.fixtures import Visitor
from tests.page.platform import Platform
from tests.page.store import SaidMessage, store, task

CLASSES = 1000
RESULTS = 10_000
MOST_PAINT_MS = 5000  # on a busy machine; alone it is a tenth of it
MOST_MEMORY = 200 * 2**20
WATCH = """
addEventListener("DOMContentLoaded", () => {
  const look = () => {
    if (!document.querySelector(".pairs button")) return requestAnimationFrame(look);
    requestAnimationFrame(() => { document.documentElement.dataset.painted = performance.now(); });
  };
  look();
});
"""


def evaluation() -> Iterator[SaidMessage]:
    yield task("START")
    for number in range(RESULTS):
        truth = number % CLASSES
        # One pair stands out, and one class is never right.
        predicted = 7 if truth == 3 else (truth + number // CLASSES * (number % 11 == 0)) % CLASSES
        info = {"ground_true": f"part {truth}", "predict_code": f"part {predicted}", "conf": 0.9}
        yield "als_model_result", 3, [{"img_path": f"{number}.png", "info": [info]}]
    yield task("END")


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory) -> Platform:
    runs = tmp_path_factory.mktemp("classes") / "runs"
    store(runs, {"parts-a1-forecast-1": evaluation()})
    return start(runs=runs)


@pytest.fixture
def page(platform: Platform, visit: Visitor) -> Page:
    page = visit("about:blank")
    page.add_init_script(WATCH)
    page.goto(f"{platform.url}/#/results")
    expect(page.locator("html[data-painted]")).to_have_count(1)
    return page


def test_the_confusions_come_at_once_and_take_little_memory(page: Page) -> None:
    painted = float(page.locator("html").get_attribute("data-painted") or "inf")
    session = page.context.new_cdp_session(page)
    used = heap(session)
    print(f"first confusions after {painted:.0f} ms, {used / 2**20:.0f} MiB")
    assert painted <= MOST_PAINT_MS
    assert used <= MOST_MEMORY
    assert page.locator("*").count() < 10_000


def heap(session: CDPSession) -> int:
    """What scripts and elements take, once what is unused has gone."""
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    return int(usage["usedSize"] + usage.get("embedderHeapUsedSize", 0))


def test_the_most_frequent_confusion_is_the_first(page: Page) -> None:
    first = page.locator(".pairs button").first
    expect(first).to_have_text("part 3 → part 710")  # names, then how many
    expect(page.locator(".per-class tbody th").first).to_have_text("part 3")
    first.click()
    expect(page.locator(".gallery-count")).to_have_text("10 of 10,000 images")
    expect(first).to_have_attribute("aria-pressed", "true")


def test_a_class_is_searched(page: Page) -> None:
    page.get_by_label("Search for a class").fill("part 999")
    expect(page.locator(".per-class tbody tr")).to_have_count(1)
    expect(page.locator(".per-class tbody th")).to_have_text("part 999")
    for text in page.locator(".pairs button").all_inner_texts():
        assert "part 999" in text


def test_the_slider_is_answered_at_once(page: Page) -> None:
    page.get_by_label("Confidence from").fill("0.95")
    expect(page.locator(".pairs button").first).to_contain_text("(none)")
    page.get_by_label("Confidence from").fill("0")
    expect(page.locator(".pairs button").first).to_contain_text("part 7")
