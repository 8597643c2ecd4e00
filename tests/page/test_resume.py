"""The page tells the truth after reloads, losses and restarts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.fixtures import Visitor
from tests.page.platform import Platform, Service
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for

SLOW = {"epochs": 400, "pause": 0.05}  # 200 s: longer than any of these tests
INSTANCE = "m1-a1-train-7"


@pytest.fixture
def platform(start: Callable[..., Platform], algorithm: Path) -> Platform:
    return start(algorithm)


@pytest.fixture
def service(algorithm: Path, tmp_path: Path) -> Iterator[Service]:
    """An instance that somebody else has started."""
    with reserved_port() as port:
        service = Service(algorithm, tmp_path / "temporary", port, INSTANCE)
        yield service
        service.close()


def total(page: Page, metric: str = "accuracy") -> int:
    plot = page.locator(f".chart[data-metric={metric}] .plot")
    return int(plot.get_attribute("data-total") or 0)


def test_a_reload_in_mid_run_changes_nothing(platform: Platform, visit: Visitor) -> None:
    platform.post("workflow/train", special_params=SLOW)
    page = visit(f"{platform.url}/#/curves?axis=step&smooth=0.5&log=loss")
    wait_for(lambda: page.locator(".plot[data-points]").count() == 2 and total(page) > 5, "points")
    before = total(page)
    page.reload()
    expect(page.get_by_role("button", name="Step")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_label("Smoothing")).to_have_value("0.5")
    log = page.locator(".chart[data-metric=loss]").get_by_text("log", exact=True)
    expect(log).to_have_attribute("aria-pressed", "true")
    wait_for(lambda: total(page) > before, "a curve that goes on growing")


def test_a_point_is_shown_within_a_second(platform: Platform, visit: Visitor) -> None:
    platform.post("workflow/train", special_params={"epochs": 40, "pause": 0.1})
    page = visit(f"{platform.url}/#/curves?axis=step")
    expect(page.locator(".plot[data-points]")).to_have_count(2)
    wait_for(lambda: total(page) > 10, "points")
    [run] = platform.get("state")["runs"]

    def lag() -> int:
        """How many points (of 0.1 s each) the page is behind what has been stored."""
        [metric] = [
            m for m in platform.get("state")["runs"][0]["metrics"] if m["name"] == "accuracy"
        ]
        return int(metric["points"]) - total(page)

    lags = sorted(lag() for _ in range(15))
    assert lags[len(lags) // 2] <= 10, (run, lags)


def test_two_instances_at_once(platform: Platform, visit: Visitor) -> None:
    page = visit(platform.url)
    page.locator("summary", has_text="Options").click()
    page.get_by_label("Business parameters").fill('{"epochs": 400, "pause": 0.05}')
    for number in (1, 2):
        page.get_by_role("button", name="Start instance").click()
        expect(page.locator(".card")).to_have_count(number)
    expect(page.locator(".card[data-state=ready]")).to_have_count(2)
    for name in platform.get("state")["instances"]:
        form = platform.get(f"forms?instance={name['id']}")
        [train] = [f for f in form["requests"] if f["name"] == "train"]
        platform.post("send", instance=name["id"], body=train["body"])
    expect(page.locator(".card[data-state=running]")).to_have_count(2)
    page.goto(f"{platform.url}/#/curves?runs=1,2")
    readouts = page.locator(".chart[data-metric=accuracy] .readout-value")
    expect(readouts).to_have_count(2)
    before = total(page)
    wait_for(lambda: total(page) > before, "both growing")

    page.goto(f"{platform.url}/#/overview")
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    stop = page.locator(".card").first.get_by_role("button", name="Stop")
    stop.click()
    assert re.search(r"It is at \d.*%, epoch \d+.*Models saved so far", asked[0], re.DOTALL)
    page.once("dialog", lambda dialog: dialog.accept())
    stop.click()
    expect(page.locator(".card[data-state=stopped]")).to_have_count(1)
    expect(page.locator(".card[data-state=running]")).to_have_count(1)
    expect(page.locator(".card .badge", has_text="Stopped")).to_have_count(1)
    page.goto(f"{platform.url}/#/runs?state=stopped")
    expect(page.locator(".badge.stopped")).to_have_text("Stopped")
    expect(page.get_by_text("1 of 2 runs")).to_be_visible()


def test_a_stop_in_a_workflow_is_no_failure_of_it(platform: Platform, visit: Visitor) -> None:
    page = visit(platform.url, locale="zh-CN")
    platform.post("workflow/train", special_params=SLOW)
    expect(page.locator(".card[data-state=running]")).to_have_count(1)
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(".card").get_by_role("button", name="停止").click()
    expect(page.locator(".card .badge")).to_have_text("已停止")
    expect(page.locator(".workflow li.stopped")).to_have_count(1)
    expect(page.locator(".workflow-status.bad")).to_have_count(0)
    status = page.locator(".workflow-status")
    expect(status).to_have_text("在结束前被 SIGTERM 停止")
    expect(status).to_have_attribute("title", re.compile(" current model error "))


def test_the_server_is_killed_and_started_again_in_mid_run(
    start: Callable[..., Platform], service: Service, visit: Visitor
) -> None:
    visit.forgiven = "net::ERR_"  # what the browser says of a server that is away
    platform = start()
    page = visit(platform.url)
    expect(page.get_by_text("started without an algorithm")).to_be_visible()
    page.locator("summary", has_text="Attach").click()
    page.get_by_label("Address").fill(f"127.0.0.1:{service.port}")
    page.get_by_label("Instance id").fill(INSTANCE)
    page.get_by_label("Folder").fill(str(service.temporary))
    page.get_by_role("button", name="Attach").click()
    expect(page.locator(".card-id")).to_have_text(INSTANCE)
    expect(page.locator(".card")).to_have_attribute("data-state", "ready")
    body = {
        "req_type": 1,
        "instance_id": INSTANCE,
        "data_paths": [str(service.folder)],
        "special_params": SLOW,
    }
    platform.post("send", instance=INSTANCE, body=body)
    page.goto(f"{platform.url}/#/curves?axis=step")
    wait_for(lambda: page.locator(".plot[data-points]").count() == 2 and total(page) > 5, "points")

    platform.kill()
    expect(page.get_by_text("connection to the platform is lost")).to_be_visible()
    before = total(page)
    platform.start(platform.port)
    expect(page.get_by_text("connection to the platform is lost")).to_be_hidden()
    wait_for(lambda: total(page) > before, "a curve that goes on where it was")
    page.goto(f"{platform.url}/#/overview")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator(".card")).to_have_attribute("data-state", "running")

    service.process.terminate()
    expect(page.locator(".card")).to_have_attribute("data-state", "stopped")
    steps = platform.get("curves?run=1&metric=accuracy&axis=step&width=20000")["x"]
    assert steps == list(range(len(steps)))
    batches = platform.get("curves?run=1&metric=accuracy&axis=epoch&width=20000")["x"]
    assert [round(x * 10) for x in batches] == [step + 1 for step in range(len(batches))]


def test_what_a_killed_server_had_started_has_ended(platform: Platform, visit: Visitor) -> None:
    visit.forgiven = "net::ERR_"
    platform.post("workflow/train", special_params=SLOW)
    page = visit(platform.url)
    expect(page.locator(".card")).to_have_attribute("data-state", "running")
    platform.kill()
    platform.start(platform.port)
    expect(page.locator(".card[data-state=stopped], .card[data-state=lost]")).to_have_count(1)
    expect(page.locator(".banner")).to_have_count(0)
