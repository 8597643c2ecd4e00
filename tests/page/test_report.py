"""Runs as files: the report that opens from the disk, and the page's own buttons."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dubhe_simulator.commands.export import main as export
from tests.page.browser import NARROW
from tests.page.fixtures import Visitor
from tests.page.metrics import EPOCHS, training, value
from tests.page.platform import Platform
from tests.page.store import SaidMessage, evaluation, store, task
from tests.support.waiting import wait_for

RESULTS = 40


def rated() -> list[SaidMessage]:
    return [*islice(evaluation([Path("/x/a.png")]), RESULTS + 1), task("END")]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "runs"
    said = {f"saved-a1-train-{n}": training(n) for n in (1, 2)}
    store(folder, {**said, "saved-a1-forecast-3": rated()})
    return folder


@pytest.fixture(scope="module")
def report(runs: Path) -> Path:
    assert export(["--html", "--runs-dir", str(runs), "-o", str(runs.parent)]) == 0
    return runs.parent / "runs.html"


@pytest.mark.parametrize(
    ("locale", "scheme", "title", "wrong"),
    [("en-US", "light", "Report", "Wrong"), ("zh-CN", "dark", "报告", "错误")],
)
def test_a_report_opens_from_the_disk_with_curves_and_results(
    report: Path, visit: Visitor, locale: str, scheme: str, title: str, wrong: str
) -> None:
    page = visit(report.as_uri(), locale=locale, scheme=scheme)
    expect(page.locator("h1").first).to_have_text(title)
    expect(page.locator(".report-run")).to_have_count(3)
    loss = page.locator(".chart[data-metric=loss]")
    loss.scroll_into_view_if_needed()
    expect(loss.locator(".plot")).to_have_attribute("data-points", str(2 * EPOCHS))
    values = loss.locator(".readout-value").all_inner_texts()
    assert values == [f"{value('loss', EPOCHS, n):.5g}" for n in (2, 1)]
    rows = page.locator(".report-table tbody tr")
    expect(rows).to_have_count(RESULTS)
    expect(rows.locator("td.outcome.wrong").first).to_have_text(wrong)
    dark = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
    assert (sum(map(int, dark[4:-1].split(","))) < 150) == (scheme == "dark")
    assert visit.hosts == {""}, "nothing is asked for anywhere"


def test_a_report_can_be_worked_with(report: Path, visit: Visitor) -> None:
    page = visit(report.as_uri(), size=NARROW)
    page.get_by_role("button", name="Elapsed").click()
    loss = page.locator(".chart[data-metric=loss]")
    loss.scroll_into_view_if_needed()
    expect(loss.locator(".readout-x")).to_have_text("")
    page.get_by_label("Search metrics").fill("val/")
    wait_for(lambda: page.locator(".charts .chart").count() == 2, "what was found")
    page.get_by_label("Search", exact=True).fill("wrong")
    wait_for(lambda: 0 < page.locator(".report-table tbody tr").count() < RESULTS, "the mistakes")
    page.reload()
    expect(page.get_by_role("button", name="Elapsed")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Language").select_option("zh")
    expect(page.locator("h1").first).to_have_text("报告")
    needs, has = page.evaluate("() => [document.body.scrollWidth, innerWidth]")
    assert needs <= has


def test_a_metric_cannot_leave_its_place_in_the_file(tmp_path: Path, visit: Visitor) -> None:
    name = "</script><script>document.title = 'broken'</script><!--"
    said = [
        (topic, kind, {name: data["loss"], "epoch": data["epoch"]} if "loss" in data else data)
        for topic, kind, data in training(1)
    ]
    store(tmp_path / "runs", {"odd-a1-train-1": said})
    export(["--html", "--runs-dir", str(tmp_path / "runs"), "-o", str(tmp_path)])
    page = visit((tmp_path / "odd-a1-train-1-1.html").as_uri())
    expect(page.locator(".chart h2")).to_have_attribute("title", name)
    assert "broken" not in page.title()


def saved(page: Page, link: str, folder: Path) -> Path:
    page.locator(".export summary").click()
    with page.expect_download() as download:
        page.locator(".export").get_by_text(link).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_page_saves_runs_and_takes_one_in(
    runs: Path,
    start: Callable[..., Platform],
    visit: Visitor,
    tmp_path: Path,
) -> None:
    page = visit(f"{start(runs=runs).url}/#/curves?runs=1,2")
    expect(page.locator(".plot[data-points]").first).to_be_visible()
    html = saved(page, "Selected runs as one HTML page", tmp_path)
    assert html.name == "runs.html"
    path = saved(page, "Training #2 as zip", tmp_path)
    assert path.name == "saved-a1-train-2-1.zip"
    other = visit(f"{start().url}/#/curves")
    expect(other.get_by_role("heading", name="No curves yet")).to_be_visible()
    other.locator("input[type=file]").last.set_input_files(path)
    expect(other.locator(".chart[data-metric=loss] .plot")).to_have_attribute(
        "data-points", str(EPOCHS)
    )
    last = f"{value('loss', EPOCHS, 2):.5g}"
    expect(other.locator(".chart[data-metric=loss] .readout-value")).to_have_text(last)
    visit.forgiven = "409"  # which the browser's console tells
    other.locator(".export input[type=file]").set_input_files(path)
    expect(other.locator(".export .notice")).to_contain_text("is there already")
