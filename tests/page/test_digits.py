"""A whole run of the digits example, done by clicking and watched in the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.fixtures import Visitor
from tests.page.platform import Platform, make_example
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory) -> Platform:
    return start(make_example("digits", tmp_path_factory.mktemp("example")))


def points(page: Page) -> int:
    """How many points of the loss have been received by the page."""
    plot = page.locator(".chart[data-metric=loss] .plot")
    return int(plot.get_attribute("data-total") or 0)


def test_train_evaluate_and_infer_by_clicking(platform: Platform, visit: Visitor) -> None:
    page = visit(platform.url)
    expect(page.get_by_role("heading", name="No instance yet")).to_be_visible()
    note = page.locator("[data-action=evaluate] .action-note")
    expect(note).to_have_text("Without a model file")

    page.locator("[data-action=train]").click()
    card = page.locator(".card").first
    expect(card).to_have_attribute("data-state", "running")
    expect(card.locator("dd").first).to_have_text("Process")
    expect(card.get_by_role("progressbar")).not_to_have_attribute("aria-valuenow", "0")

    page.get_by_role("link", name="Curves").first.click()
    expect(page.locator(".chart")).to_have_count(2)
    wait_for(lambda: points(page), "the first points")
    before = points(page)
    wait_for(lambda: points(page) > before, "a curve that grows")

    page.get_by_role("navigation").get_by_role("link", name="Instances").click()
    expect(card).to_have_attribute("data-state", "ended", timeout=60_000)
    evaluate = page.locator("[data-action=evaluate]")
    expect(evaluate).to_be_enabled()
    evaluate.click()
    expect(page.locator(".card").first.locator(".card-kind")).to_have_text("Evaluation")
    expect(page.locator(".card").first).to_have_attribute("data-state", "ended", timeout=60_000)

    page.locator("[data-action=infer]").click()
    expect(page.locator(".workflow li").nth(2)).to_have_class("done", timeout=60_000)
    page.get_by_role("navigation").get_by_role("link", name="Send").click()
    page.locator(".sent summary").first.click()
    expect(page.locator(".sent .tile")).to_have_count(6)
    width = page.locator(".sent .tile img").first.evaluate("image => image.naturalWidth")
    assert width == 32


def test_a_cell_of_the_matrix_opens_its_images(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/results")
    expect(page.locator(".matrix button").first).to_be_visible()
    cells = page.locator(".matrix td.wrong button")
    assert cells.count() > 0, "a model without any mistake cannot show this"
    cell = cells.first
    truth, predicted = cell.get_attribute("data-truth"), cell.get_attribute("data-predicted")
    number = cell.inner_text()
    cell.click()
    expect(page.locator(".gallery-count")).to_contain_text(f"{number} of ")
    expect(page.locator(".tile[data-outcome]:visible")).to_have_count(int(number))
    expect(page.locator(".tile-label").first).to_contain_text(f"{truth} → {predicted}")

    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator(".gallery-count")).to_have_text("359 of 359 images")


def test_the_log_is_searched(platform: Platform, visit: Visitor) -> None:
    [train] = [i for i in platform.get("state")["instances"] if i["kind"] == "train"]
    page = visit(f"{platform.url}/#/log?instance={train['id']}")
    expect(page.locator(".log-line").first).to_be_visible()
    page.get_by_role("searchbox").fill("validating on")
    expect(page.locator(".find-result")).to_have_text("1 of 1 line")
    expect(page.locator(".log-line.current mark")).to_have_text("validating on")


def test_a_message_is_shown_with_its_headers(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/messages")
    page.locator(".tail .message-row:visible").last.click()
    detail = page.locator(".detail")
    expect(detail).to_contain_text("dubhe-seq")
    expect(detail).to_contain_text('"instance_id"')
    number = int(detail.locator("h2").inner_text()[1:])
    [message] = platform.get(f"messages?after_id={number - 1}&limit=1")["items"]
    # Of 63 bits: more than a browser's number can hold.
    sent = json.loads(message["value"])["request_number"]
    expect(detail).to_contain_text(f'"request_number": {sent},')


def test_all_points_are_exported(platform: Platform, visit: Visitor, tmp_path: Path) -> None:
    page = visit(f"{platform.url}/#/curves")
    expect(page.locator(".plot[data-points]").first).to_be_visible()
    export = page.locator(".chart[data-metric=loss] .menu summary")
    export.click()
    with page.expect_download() as download:
        page.locator(".chart[data-metric=loss] a[download]").click()
    download.value.save_as(tmp_path / "loss.csv")
    lines = (tmp_path / "loss.csv").read_text("utf-8-sig").splitlines()
    assert lines[0] == "instance,run,metric,step,epoch,time_ms,value"
    assert len(lines) - 1 == points(page)
