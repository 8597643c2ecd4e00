"""Thousands of metrics, live: what is not seen costs nothing."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.fixtures import Visitor
from tests.page.platform import Platform
from tests.page.store import BEGAN_MS
from tests.page.test_load import FRAMES, FRAMES_PER_SECOND
from tests.support.waiting import wait_for

METRICS = 4000
MESSAGES_A_SECOND = 60
INSTANCE = "many-a1-train-1"
NAMES = [f"layer{number // 40:02}/block.{number % 40}.weight.norm" for number in range(METRICS)]
REPEATS = 3
OBSERVED_MS = 2000


class Training:
    """Writes a journal as a sidecar does; all metrics once in a second, 60 messages."""

    def __init__(self, runs: Path) -> None:
        folder = runs / "2025" / "train" / "journal"
        folder.mkdir(parents=True)
        self._journal = (folder / f"{0:020}.jsonl").open("w", encoding="utf-8")
        self._offset = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.write({"action": "START", "status": 200, "msg": "START"}, 1)
        self.write(dict.fromkeys(NAMES, 1.0) | {"epoch": 0}, 2)

    def write(self, data: dict[str, object], kind: int) -> None:
        at = BEGAN_MS + self._offset * 16
        value = {"instance_id": INSTANCE, "request_number": self._offset + 1, "date": at}
        value |= {"mes_type": kind, "data": data}
        line = {"topic": "alg_model_progress", "offset": self._offset, "timestamp": at}
        line |= {"key": INSTANCE, "headers": {}, "value": value}
        self._journal.write(json.dumps(line) + "\n")
        self._journal.flush()
        self._offset += 1

    def begin(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        size = -(-METRICS // MESSAGES_A_SECOND)
        number = 0
        while not self._end.wait(1 / MESSAGES_A_SECOND):
            part = NAMES[number % MESSAGES_A_SECOND * size :][:size]
            self.write(dict.fromkeys(part, float(number)) | {"epoch": number}, 2)
            number += 1

    def close(self) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()
        self._journal.close()


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    training = Training(tmp_path / "runs")
    yield training
    training.close()


class MainThread:
    """The processor time of the page's main thread, which does not depend on who else is busy."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def used_s(self) -> float:
        found = self._session.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in found if each["name"] == "TaskDuration"))

    def share(self) -> float:
        """The share of the time that it works while nobody touches the page."""
        begun, before = time.monotonic(), self.used_s()
        self._page.wait_for_timeout(OBSERVED_MS)
        return (self.used_s() - before) / (time.monotonic() - begun)

    def frame_s(self) -> float:
        """What a frame of scrolling takes of it."""
        before = self.used_s()
        frames = self._page.evaluate(FRAMES, ["scroll", "main"])
        return (self.used_s() - before) / frames


def test_thousands_of_metrics_are_fluid_also_while_they_grow(
    training: Training, tmp_path: Path, start: Callable[..., Platform], visit: Visitor
) -> None:
    page = visit(f"{start(runs=tmp_path / 'runs').url}/#/curves")
    expect(page.get_by_text("4,000 metrics")).to_be_visible()
    expect(page.locator(".plot[data-points]").first).to_be_visible()
    thread = MainThread(page)
    frame_s = statistics.median(thread.frame_s() for _ in range(REPEATS))
    training.begin()
    plots = "[...document.querySelectorAll('.plot')]"
    total = f"() => Math.max(...{plots}.map(plot => plot.dataset.total ?? 0))"
    wait_for(lambda: page.evaluate(total) > 2, "curves that grow")
    share = statistics.median(thread.share() for _ in range(REPEATS))
    left = (1 - share) / frame_s
    print(f"updates take {share:.0%} of the main thread, a frame {frame_s * 1000:.1f} ms of it")
    assert left >= FRAMES_PER_SECOND, f"there is room for {left:.0f} frames/s"
    assert page.locator(".charts > *").count() < 80, "only what is near the screen exists"
    page.locator("main").evaluate("e => { e.scrollTop = e.scrollHeight; }")
    last = page.locator(f".chart[data-metric='{NAMES[-1]}'] .plot")
    wait_for(lambda: int(last.get_attribute("data-total") or 0) > 2, "the last one grows, too")
    page.get_by_label("Search metrics").fill("layer57 block.3.")
    expect(page.locator(".charts .chart")).to_have_count(1)
