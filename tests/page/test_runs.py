"""The runs: the table of all, the page of one, several beside each other, what is noted on them."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.page.fixtures import Visitor
from tests.page.pixels import is_near
from tests.page.platform import Platform
from tests.support.waiting import wait_for

RATES = (0.1, 0.01)
TRAININGS = len(RATES)


def train(platform: Platform, rate: float) -> None:
    params = {"epochs": 2, "pause": 0, "lr": rate}
    platform.post("workflow/train", special_params=params)
    platform.wait_workflow()


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], algorithm: Path) -> Platform:
    """Two trainings that differ in one parameter, of a folder below git, and an evaluation."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    for command in (("init", "-q", "-b", "trunk"), ("add", "app.py"), ("commit", "-qm", "first")):
        subprocess.run(["git", *who, *command], cwd=algorithm, check=True)
    platform = start(algorithm)
    for rate in RATES:
        train(platform, rate)
    platform.post("workflow/evaluate")
    platform.wait_workflow()
    for run in platform.get("state")["runs"]:

        def known(number: int = run["id"]) -> bool:
            [details] = platform.get(f"runs?run={number}")["items"]
            return details["provenance"] is not None

        wait_for(known, "what its instance ran with")
    return platform


@pytest.fixture
def page(platform: Platform, visit: Visitor) -> Page:
    page = visit(f"{platform.url}/#/runs")
    expect(rows(page)).to_have_count(TRAININGS + 1)
    return page


def rows(page: Page) -> Locator:
    return page.locator(".grid-row[data-run]")


def names(page: Page) -> list[str]:
    """Return the names of the rows from above to below."""
    found = page.evaluate(
        "() => [...document.querySelectorAll('.grid-row[data-run]')]"
        ".sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)"
        ".map(row => row.querySelector('.grid-name').textContent)"
    )
    return [str(name) for name in found]


def cell(page: Page, run: int, column: str) -> Locator:
    return page.locator(f'.grid-row[data-run="{run}"] [data-column="{column}"]')


def scroll_to_metrics(page: Page) -> None:
    page.locator(".run-grid").evaluate("e => { e.scrollLeft = e.scrollWidth; }")
    expect(cell(page, 1, "best:accuracy")).to_be_visible()


def shows(element: Locator, colour: tuple[int, int, int]) -> bool:
    """Return whether anything in an element's picture has a colour."""
    shot = Image.open(io.BytesIO(element.screenshot())).convert("RGB")
    pixels = [pixel for _, pixel in shot.getcolors(shot.width * shot.height) or ()]
    return any(is_near(pixel, colour) for pixel in pixels)


def pick(page: Page, *runs: int) -> None:
    for run in runs:
        page.locator(f'.grid-row[data-run="{run}"] input[type=checkbox]').check()


def test_a_row_tells_what_a_run_was_and_what_came_out(page: Page) -> None:
    expect(cell(page, 1, "state")).to_have_text("Ended")
    expect(cell(page, 3, "kind")).to_have_text("Evaluation")
    expect(cell(page, 1, "duration")).to_have_text(re.compile(r"\d+\.\d s"))
    expect(cell(page, 1, "param:special_params.lr")).to_have_text("0.1")
    scroll_to_metrics(page)
    expect(cell(page, 1, "last:loss")).to_have_text("0.05")
    expect(cell(page, 1, "best:loss")).to_have_text("0.05")
    expect(cell(page, 1, "best:accuracy")).to_have_text("0.95238")
    expect(cell(page, 3, "best:loss")).to_have_text("")
    heads = page.locator("[role=columnheader]")
    expect(heads.filter(has_text=re.compile("^loss.*lowest"))).to_have_count(1)
    expect(heads.filter(has_text=re.compile("^accuracy.*highest"))).to_have_count(1)


def test_which_value_is_the_best_can_be_changed_and_is_remembered(page: Page) -> None:
    scroll_to_metrics(page)
    page.get_by_role("button", name="loss: the lowest is the best").click()
    expect(cell(page, 1, "best:loss")).to_have_text("1")
    page.reload()
    scroll_to_metrics(page)
    expect(cell(page, 1, "best:loss")).to_have_text("1")
    page.get_by_role("button", name="loss: the highest is the best").click()
    expect(cell(page, 1, "best:loss")).to_have_text("0.05")


def test_a_heading_sorts_and_what_has_no_value_is_last(page: Page) -> None:
    assert names(page) == ["Evaluation #3", "Training #2", "Training #1"], "the newest first"
    page.locator('[data-column="param:special_params.lr"].grid-sort').click()
    wait_for(lambda: names(page) == ["Training #2", "Training #1", "Evaluation #3"], "by rate")
    heading = page.get_by_role("columnheader").filter(has_text="lr")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    page.locator('[data-column="param:special_params.lr"].grid-sort').click()
    wait_for(lambda: names(page) == ["Training #1", "Training #2", "Evaluation #3"], "turned")
    page.reload()
    wait_for(lambda: names(page) == ["Training #1", "Training #2", "Evaluation #3"], "kept")


def test_runs_are_found_by_text_and_state(page: Page) -> None:
    page.get_by_label("Search").first.fill("lr=0.01")
    expect(rows(page)).to_have_count(1)
    expect(page.get_by_text("1 of 3 runs")).to_be_visible()
    page.get_by_label("Search").first.fill("")
    page.get_by_label("State").select_option("failed")
    expect(rows(page)).to_have_count(0)
    page.get_by_label("State").select_option("ended")
    expect(rows(page)).to_have_count(3)


def test_columns_are_chosen_and_remembered(page: Page) -> None:
    page.locator(".columns summary").click()
    page.get_by_label("split_rate").check()
    page.get_by_label("Kind").uncheck()
    expect(cell(page, 1, "kind")).to_have_count(0)
    page.reload()
    expect(rows(page)).to_have_count(3)
    expect(cell(page, 1, "kind")).to_have_count(0)
    page.locator(".columns summary").click()
    page.get_by_label("Search").last.fill("loss")
    expect(page.locator(".column-list label")).to_have_text(["loss, last", "loss, best (lowest)"])
    page.get_by_role("button", name="Usual columns").click()
    expect(cell(page, 1, "kind")).to_have_text("Training")


def test_picked_runs_are_what_the_curves_overlay(page: Page) -> None:
    curves = page.get_by_text("Show curves")
    expect(curves).to_have_attribute("aria-disabled", "true")
    pick(page, 1, 2)
    expect(page).to_have_url(re.compile("runs=(1,2|2,1)"))
    curves.click()
    expect(page.locator(".chip[aria-pressed=true]")).to_have_count(2)
    page.get_by_role("link", name="Choose in the table").click()
    expect(page.locator('.grid-row[aria-selected="true"]')).to_have_count(2)


def test_a_comparison_shows_differences_only(page: Page) -> None:
    pick(page, 1, 2)
    page.get_by_text("Compare", exact=True).click()
    expect(page.locator("h1")).to_have_text("Comparison")
    rate = page.locator("tr", has=page.get_by_role("rowheader", name="special_params.lr"))
    expect(rate.locator("td")).to_have_text(["0.01", "0.1"])
    assert page.get_by_role("rowheader", name="split_rate").count() == 0
    assert page.get_by_role("rowheader", name="Git commit").count() == 0
    assert page.get_by_role("rowheader", name="pytest", exact=True).count() == 0
    page.get_by_label("Also show what is the same").check()
    expect(page.get_by_role("rowheader", name="split_rate")).to_be_visible()
    expect(page.get_by_role("rowheader", name="Git commit")).to_be_attached()
    expect(page.get_by_role("rowheader", name="pytest", exact=True)).to_be_attached()


def test_the_page_of_a_run_shows_how_it_came_about(
    platform: Platform, page: Page, algorithm: Path
) -> None:
    page.get_by_role("link", name="Training #1").click()
    expect(page.locator("h1")).to_have_text("Training #1")
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=algorithm, check=True, capture_output=True, text=True
    ).stdout.strip()
    code = page.get_by_label("Code and machine")
    for text in (commit, "trunk", "bash run.sh", str(algorithm)):
        expect(code).to_contain_text(text)
    expect(page.get_by_label("Metrics").first).to_contain_text("0.05 (lowest)")
    packages = page.get_by_label("Packages", exact=True).first
    packages.get_by_role("searchbox").fill("playwright")
    expect(packages.locator("dt:visible")).to_have_text(["playwright"])
    page.get_by_text("As JSON").click()
    expect(page.locator("pre.json")).to_contain_text('"lr": 0.1')
    page.goto(f"{platform.url}/#/runs?run=3")
    expect(page.get_by_label("Run", exact=True)).to_contain_text("output/models/model_")
    page.goto(f"{platform.url}/#/runs?run=99")
    expect(page.get_by_role("status").filter(has_text="There is no run 99.")).to_be_visible()


def test_notes_reach_other_tabs_are_found_and_outlive_the_platform(
    start: Callable[..., Platform], algorithm: Path, visit: Visitor
) -> None:
    platform = start(algorithm)
    for rate in RATES:
        train(platform, rate)
    page, other = (visit(f"{platform.url}/#/runs") for _ in range(2))
    curves = visit(f"{platform.url}/#/curves?runs=1")
    expect(curves.locator(".plot[data-points]")).to_have_count(2)
    page.locator('.grid-row[data-run="1"]').hover()
    page.get_by_role("button", name="Edit Training #1").click()
    dialog = page.locator(".edit-dialog")
    dialog.get_by_label("Name").fill("基线")
    dialog.get_by_label("Tags").fill("best, 学习率 高,")
    dialog.get_by_label("Note").fill("first\nsecond")
    dialog.get_by_role("button", name="Colour 7").click()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    for tab in (page, other):
        expect(cell(tab, 1, "tags").locator(".tag")).to_have_text(["best", "学习率 高"])
        expect(tab.get_by_role("link", name="基线")).to_be_visible()
    chip = curves.locator(".chip[aria-pressed=true]")
    expect(chip).to_contain_text("基线")
    seventh = curves.evaluate(
        "() => { const e = document.createElement('i'); e.style.color = 'var(--hue-6)';"
        " document.body.append(e); return getComputedStyle(e).color; }"
    )
    red, green, blue = map(int, re.findall(r"\d+", str(seventh))[:3])
    plot = curves.locator(".chart[data-metric=accuracy] .plot canvas")
    wait_for(lambda: shows(plot, (red, green, blue)), "the curve in its colour")

    other.get_by_label("Search").first.fill("学习率")
    expect(rows(other)).to_have_count(1)
    opened = visit(f"{platform.url}/#/runs?run=1")
    opened.get_by_label("Note", exact=True).fill("typed, not saved")
    platform.post("annotate", runs=[1], note="by another tab", name="新")
    expect(opened.locator("h1")).to_have_text("新")
    expect(opened.get_by_label("Note", exact=True)).to_have_value("typed, not saved")

    for tab in (page, other, curves, opened):
        tab.context.close()  # they would complain of the lost connection
    platform.kill()
    platform.start(platform.port)
    again = visit(f"{platform.url}/#/runs?run=1")
    expect(again.locator("h1")).to_have_text("新")
    expect(again.get_by_label("Note", exact=True)).to_have_value("by another tab")
    expect(again.get_by_label(re.compile("^Tags"))).to_have_value("best, 学习率 高")


def test_runs_are_hidden_and_deleted(
    start: Callable[..., Platform], algorithm: Path, visit: Visitor
) -> None:
    platform = start(algorithm)
    for rate in (*RATES, 0.5):
        train(platform, rate)
    page, other = visit(f"{platform.url}/#/runs"), visit(f"{platform.url}/#/curves")
    expect(rows(page)).to_have_count(3)
    expect(other.locator(".chip")).to_have_count(3)
    pick(page, 1)
    page.get_by_role("button", name="Hide").click()
    expect(rows(page)).to_have_count(2)
    expect(other.locator(".chip")).to_have_count(2)
    page.get_by_label("Show hidden runs").check()
    expect(rows(page)).to_have_count(3)
    page.get_by_role("button", name="Show again").click()
    expect(other.locator(".chip")).to_have_count(3)

    pick(page, 2)
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.get_by_role("button", name="Delete").click()
    assert asked[0].startswith("Delete 2 runs")
    expect(rows(page)).to_have_count(3)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    expect(rows(page)).to_have_count(1)
    expect(other.locator(".chip")).to_have_count(1)
    assert [run["id"] for run in platform.get("state")["runs"]] == [3]


def test_the_table_is_walked_by_keys(page: Page) -> None:
    grid = page.locator(".run-grid")
    grid.focus()
    for key in ("ArrowDown", "ArrowDown", " "):
        page.keyboard.press(key)
    expect(grid).to_have_attribute("aria-activedescendant", "run-2")
    expect(page.locator('.grid-row[aria-selected="true"]')).to_have_attribute("data-run", "2")
    page.keyboard.press("e")
    expect(page.locator(".edit-dialog input").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(grid).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Training #1")


def test_everything_is_there_in_chinese(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/runs", locale="zh-CN", scheme="dark")
    expect(page.locator("h1")).to_have_text("运行")
    expect(cell(page, 1, "state")).to_have_text("已结束")
    page.goto(f"{platform.url}/#/runs?compare=1,2")
    expect(page.locator("h1")).to_have_text("对比")
    page.goto(f"{platform.url}/#/runs?run=1")
    expect(page.get_by_label("代码与机器")).to_contain_text("Git 提交")
