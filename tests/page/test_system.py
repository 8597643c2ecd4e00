"""What an instance takes of its machine, on the page."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.page.fixtures import Visitor
from tests.page.platform import Platform
from tests.support.waiting import wait_for

GIB = 2**30


def titles(page: Page) -> list[str]:
    return page.locator(".system-chart h2").all_inner_texts()


def test_an_instance_that_was_started_here_is_sampled(
    start: Callable[..., Platform], algorithm: Path, visit: Visitor
) -> None:
    platform = start(algorithm)
    name = platform.post("start", kind="train")["instance"]

    def sampled() -> bool:
        samples = platform.get(f"system?instance={name}")["samples"]
        return any("cpu" in sample for sample in samples)

    wait_for(sampled, "rates of the second sample", 120)
    page = visit(f"{platform.url}/#/system")
    expect(page.locator(".system-chart canvas")).to_have_count(4)
    names = [re.sub(r" \(.*", "", title) for title in titles(page)]
    assert names == ["CPU", "Memory", "Disk", "Network"]
    memory = page.locator("[data-figure=system_memory] .system-value b")
    expect(memory).to_have_text(re.compile(r"^[\d.]+ [MG]iB$"))
    drawn = page.locator("[data-figure=system_memory] canvas").evaluate(
        """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
          .data.some((value, place) => place % 4 === 3 && value > 0)"""
    )
    assert drawn
    platform.post("stop", instance=name)
    journal = "".join(p.read_text() for p in platform.runs.rglob("journal/*.jsonl"))
    assert "READY" in journal and "received" not in journal, "none of it is a message"


def test_accelerators_are_shown_live_and_what_is_no_sample_is_not(
    start: Callable[..., Platform], tmp_path: Path, visit: Visitor
) -> None:
    platform = start()
    path = tmp_path / "instance" / "system" / "samples.jsonl"
    path.parent.mkdir(parents=True)
    now = time.time_ns() // 1_000_000

    def sample(number: int, use: float) -> str:
        devices = [
            {"name": f"910B3 {n}.0", "use": use + n, "memory": (20 + n) * GIB, "power": 300 + n}
            for n in range(2)
        ]
        return json.dumps({"at": now + number * 5000, "cpu": 250.0, "devices": devices}) + "\n"

    path.write_text(sample(0, 10) + sample(1, 20) + "odd\n" + '{"at": NaN}\n')
    folder = str(path.parents[1])
    platform.post("attach", address="http://127.0.0.1:9", instance="a-b-train-1", folder=folder)
    page = visit(f"{platform.url}/#/system?instance=a-b-train-1")
    expect(page.locator(".system-chart canvas")).to_have_count(4)
    assert titles(page) == [
        "CPU (%)", "Accelerator use (%)", "Accelerator memory (GiB)", "Power (W)",
    ]  # fmt: skip
    use = page.locator("[data-figure=system_device_use] .system-value")
    expect(use).to_have_text(["910B3 0.020 %", "910B3 1.021 %"])
    memory = page.locator("[data-figure=system_device_memory] .system-value")
    expect(memory).to_have_text(["910B3 0.020.0 GiB", "910B3 1.021.0 GiB"])
    page.get_by_label("Language").select_option("zh")
    expect(page.locator(".system-chart h2").first).to_have_text("CPU (%)")
    expect(page.locator(".system-chart h2").nth(1)).to_have_text("加速卡利用率 (%)")


DRAWN = """
window.drawn = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
  drawn.push(text);
  return fillText.call(this, text, ...rest);
};
"""


def test_a_single_sample_stands_at_its_time(
    start: Callable[..., Platform], tmp_path: Path, visit: Visitor
) -> None:
    platform = start()
    path = tmp_path / "instance" / "system" / "samples.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"at": time.time_ns() // 1_000_000, "cpu": 250.0}) + "\n")
    folder = str(path.parents[1])
    platform.post("attach", address="http://127.0.0.1:9", instance="a-b-train-1", folder=folder)
    page = visit("about:blank")
    page.add_init_script(DRAWN)
    page.goto(f"{platform.url}/#/system?instance=a-b-train-1")
    expect(page.locator(".system-chart canvas")).to_have_count(1)
    times = "() => drawn.filter(text => /^\\d\\d:\\d\\d:\\d\\d$/.test(text)).length"
    wait_for(lambda: page.evaluate(times) > 1, "marks some seconds apart")


def test_without_samples_it_is_said_what_is_needed(
    start: Callable[..., Platform], visit: Visitor
) -> None:
    platform = start()
    platform.post("attach", address="http://127.0.0.1:9", instance="a-b-train-1")
    page = visit(f"{platform.url}/#/system")
    expect(page.locator(".empty")).to_contain_text("pip install psutil")
    expect(page.locator(".system-chart")).to_have_count(0)
