"""Many metrics and several runs: groups, search, pins, tooltips, the enlarged chart, pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.page.browser import NARROW
from tests.page.fixtures import Visitor
from tests.page.metrics import EPOCHS, LONG, NAMES, training, value
from tests.page.platform import Platform
from tests.page.store import store
from tests.support.waiting import wait_for

RUNS = 3
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory) -> Platform:
    runs = tmp_path_factory.mktemp("metrics") / "runs"
    store(runs, {f"metrics-a1-train-{number}": training(number) for number in range(1, RUNS + 1)})
    return start(runs=runs)


@pytest.fixture
def page(platform: Platform, visit: Visitor) -> Iterator[Page]:
    page = visit(f"{platform.url}/#/curves?runs=1,2,3")
    expect(chart(page, "loss").locator(".plot[data-points]")).to_be_visible()
    yield page


def chart(page: Page, metric: str) -> Locator:
    return page.locator(f".charts .chart[data-metric='{metric}']")


def groups(page: Page) -> list[str]:
    """The headings with the numbers of their metrics, as they are read from above."""
    found = page.locator(".chart-group").all()
    found.sort(key=lambda each: (each.bounding_box() or {"y": 0.0})["y"])
    return [" ".join(each.inner_text().split()) for each in found]


def shown(page: Page) -> list[str]:
    return [
        each.get_attribute("data-metric") or "" for each in page.locator(".charts .chart").all()
    ]


def hover(page: Page, area: Locator, across: float, down: float) -> None:
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * across, box["y"] + box["height"] * down)


def test_a_run_and_a_comparison_have_all_metrics(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/runs?run=1")
    rows = page.get_by_role("region", name="Metrics").locator("tbody tr")
    expect(rows.locator("th")).to_have_text(list(NAMES))
    last = rows.nth(len(NAMES) - 1).locator("td").first
    expect(last).to_have_text(f"{value(LONG, EPOCHS, 1):.5g}")
    page.goto(f"{platform.url}/#/runs?compare=1,2")
    for name in NAMES:
        row = page.locator(".compare-table tr", has=page.get_by_text(f"{name}, last", exact=True))
        texts = [f"{value(name, EPOCHS, number):.5g}" for number in (1, 2)]
        expect(row.locator("td")).to_have_text(texts)


def test_metrics_stand_in_groups_that_fold_and_stay_folded(page: Page) -> None:
    assert groups(page) == ["Other metrics 2", "train/ 2", "val/ 2", "grad_norm/ 1"]
    assert shown(page) == list(NAMES)
    heading = page.get_by_role("button", name="train/")
    heading.focus()
    page.keyboard.press("Enter")
    expect(chart(page, "train/loss")).to_have_count(0)
    expect(heading).to_be_focused()
    page.reload()
    expect(chart(page, "val/loss")).to_have_count(1)
    expect(chart(page, "train/loss")).to_have_count(0)
    page.get_by_role("button", name="Unfold all").click()
    expect(chart(page, "train/loss")).to_have_count(1)
    page.get_by_role("button", name="Fold all", exact=True).click()
    expect(page.locator(".charts .chart")).to_have_count(0)
    assert groups(page) == ["Other metrics 2", "train/ 2", "val/ 2", "grad_norm/ 1"]


def test_a_search_shows_what_it_finds_also_in_folded_groups(page: Page) -> None:
    page.get_by_role("button", name="Fold all", exact=True).click()
    page.get_by_label("Search metrics").fill("LOSS")
    wait_for(lambda: shown(page) == ["loss", "train/loss", "val/loss"], "three losses")
    expect(page.get_by_text("3 / 7 metrics")).to_be_visible()
    expect(page).to_have_url(re.compile("search=LOSS"))
    page.reload()
    expect(chart(page, "val/loss")).to_have_count(1)
    page.get_by_label("Search metrics").fill("no such")
    expect(page.get_by_text("No metric has “no such” in its name.")).to_be_visible()


def test_a_pinned_metric_stands_first(page: Page) -> None:
    chart(page, "val/accuracy").get_by_label("Pin to the top").click()
    assert groups(page)[:2] == ["Pinned 1", "Other metrics 2"]
    page.reload()
    expect(chart(page, "val/accuracy")).to_have_count(1)
    wait_for(lambda: shown(page)[0] == "val/accuracy", "the pinned metric first")
    chart(page, "val/accuracy").get_by_label("Do not pin to the top").click()
    assert groups(page)[0] == "Other metrics 2"


def test_a_long_title_keeps_its_end(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/curves", size=NARROW)
    page.get_by_label("Search metrics").fill("grad_norm")
    title = chart(page, LONG).locator("h2")
    expect(title).to_be_visible()
    begin, end = title.locator("span").all()
    expect(end).to_have_text(LONG[-10:])
    sizes = "e => [e.scrollWidth, e.clientWidth, e.getBoundingClientRect().right]"
    needs, has, _ = begin.evaluate(sizes)
    assert needs > has, "the beginning is cut"
    needs, has, right = end.evaluate(sizes)
    assert right <= title.evaluate("e => e.getBoundingClientRect().right") + 1


@pytest.mark.parametrize(
    ("locale", "scheme", "names"),
    [("en-US", "light", "Training #{}"), ("zh-CN", "dark", "训练 #{}")],
)
def test_a_tooltip_names_the_runs_and_the_nearest_point(
    platform: Platform, visit: Visitor, locale: str, scheme: str, names: str
) -> None:
    page = visit(f"{platform.url}/#/curves?runs=1,2,3", locale=locale, scheme=scheme)
    area = chart(page, "loss").locator(".u-over")
    expect(chart(page, "loss").locator(".plot[data-points]")).to_be_visible()
    tip = chart(page, "loss").locator(".chart-tip")
    expect(tip).to_be_hidden()
    # Between epochs 10 and 11, nearer to 10; below all curves.
    hover(page, area, (10.3 - 1) / (EPOCHS - 1), 0.97)
    expect(tip).to_be_visible()
    rows = [" ".join(each.inner_text().split()) for each in tip.locator(".tip-run").all()]
    expected = [f"{names.format(n)} {value('loss', 10, n):.5g}" for n in (3, 2, 1)]
    assert rows == expected
    assert " ".join(tip.locator(".pointed").inner_text().split()) == expected[-1]
    cursor = chart(page, "loss").locator(".u-cursor-x").bounding_box()
    box = area.bounding_box()
    assert cursor
    assert box
    at = (cursor["x"] - box["x"]) / box["width"] * (EPOCHS - 1) + 1
    assert abs(at - 10) < 0.1, "the cursor snaps to the point"
    colours = {each.evaluate("e => getComputedStyle(e).backgroundColor")
               for each in tip.locator(".swatch").all()}  # fmt: skip
    assert len(colours) == RUNS
    frame = tip.bounding_box()
    assert frame
    card = chart(page, "loss").bounding_box()
    assert card
    assert frame["x"] >= card["x"]
    assert frame["x"] + frame["width"] <= card["x"] + card["width"]
    page.mouse.move(2, 2)
    expect(tip).to_be_hidden()


def test_a_tooltip_stays_while_the_chart_is_drawn_again(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/curves?runs=1&smooth=0.5")
    position = chart(page, "loss").locator(".readout-x")
    tip = chart(page, "loss").locator(".chart-tip")
    expect(chart(page, "loss").locator(".plot[data-points]")).to_be_visible()
    hover(page, chart(page, "loss").locator(".u-over"), 0.5, 0.5)
    expect(tip).to_be_visible()
    before, at = tip.locator(".tip-value").inner_text(), position.inner_text()
    page.get_by_label("Smoothing").press("ArrowRight")
    expect(tip.locator(".tip-value")).not_to_have_text(before)
    expect(tip).to_be_visible()
    expect(position).to_have_text(at)


def test_relative_time_lays_runs_over_each_other(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/curves?runs=1,2,3&axis=relative")
    position = chart(page, "loss").locator(".readout-x")
    expect(chart(page, "loss").locator(".plot[data-points]")).to_be_visible()
    hover(page, chart(page, "loss").locator(".u-over"), 0.999, 0.5)
    expect(position).to_have_text(f"0:00.{EPOCHS * 10}")  # a message each 10 ms
    # The plot of the former axis stays until the curves have come.
    page.get_by_role("button", name="Time", exact=True).click()
    expect(chart(page, "loss").locator(".plot[data-axis=time]")).to_be_visible()
    hover(page, chart(page, "loss").locator(".u-over"), 0.998, 0.5)
    expect(position).to_have_text(re.compile(r"^2025-06-15 \d\d:\d\d:\d\d\.\d{3}$"))


def test_an_enlarged_chart_has_the_figures_and_survives_a_reload(page: Page) -> None:
    small = chart(page, "loss").locator(".plot").bounding_box()
    chart(page, "loss").get_by_label("Enlarge").click()
    dialog = page.get_by_role("dialog", name="loss")
    for _ in range(2):
        expect(dialog.locator(".plot[data-points]")).to_be_visible()
        large = dialog.locator(".plot canvas").bounding_box()
        assert small
        assert large
        assert large["width"] > 2 * small["width"]
        rows = dialog.locator("tbody tr")
        expect(rows).to_have_count(RUNS)
        for row, number in zip(rows.all(), (3, 2, 1), strict=True):
            first, last = value("loss", 1, number), value("loss", EPOCHS, number)
            cells = row.locator("td").all_inner_texts()
            assert cells == ["–", f"{last:.5g}", f"{first:.5g}", f"{last:.5g}", str(EPOCHS)]
        page.reload()  # it is in the address
    hover(page, dialog.locator(".u-over"), 0.0, 0.5)
    expect(rows.last.locator("td").first).to_have_text(f"{value('loss', 1, 1):.5g}")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("large="))


def save(page: Page, metric: str, form: str, folder: Path) -> Path:
    chart(page, metric).locator(".menu summary").click()
    with page.expect_download() as download:
        chart(page, metric).get_by_role("button", name=form).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chart_is_saved_as_svg_and_as_png_of_twice_its_size(
    platform: Platform, visit: Visitor, tmp_path: Path, scheme: str
) -> None:
    page = visit(f"{platform.url}/#/curves?runs=1,2,3", scheme=scheme)
    expect(chart(page, "train/loss").locator(".plot[data-points]")).to_be_visible()
    path = save(page, "train/loss", "SVG", tmp_path)
    assert path.name == "train_loss.svg"
    picture = ElementTree.parse(path).getroot()
    texts = [each.text or "" for each in picture.iter(f"{SVG}text")]
    assert texts[0] == "train/loss"
    first, last = value("train/loss", 1, 3), value("train/loss", EPOCHS, 3)
    figures = f"Minimum {last:.5g} · Maximum {first:.5g} · Last {last:.5g}"
    assert f"Training #3 · metrics-a1-train-3 · {figures}" in texts
    assert "16" in texts, "epochs are written at the x axis"
    assert "0.6" in texts, "values are written at the y axis"
    curves = [each for each in picture.iter(f"{SVG}path") if each.get("stroke-width") == "1.6"]
    assert [each.get("d", "").count("L") for each in curves] == [EPOCHS - 1] * RUNS
    with Image.open(save(page, "train/loss", "PNG", tmp_path)) as image:
        size = [int(picture.get(side) or 0) for side in ("width", "height")]
        assert list(image.size) == [2 * side for side in size]
        pixels = image.convert("RGB")
        background = pixels.getpixel((2, 2))
        assert (sum(background) > 600) == (scheme == "light")  # type: ignore[arg-type]
        counts = dict(reversed(each) for each in pixels.getcolors(1 << 24) or ())
    for each in curves:
        rgb = tuple(map(int, re.findall(r"\d+", each.get("stroke") or "")))
        assert counts.get(rgb, 0) > 500, f"a line of colour {rgb}"


def test_a_metric_may_be_called_anything(
    start: Callable[..., Platform], visit: Visitor, tmp_path: Path
) -> None:
    name = "a&b/<svg onload=x>\"'\x01 损失"
    store(tmp_path / "runs", {"odd-a1-train-1": ((t, k, _odd(d, name)) for t, k, d in training(1))})
    page = visit(f"{start(runs=tmp_path / 'runs').url}/#/curves")
    only = page.locator(".charts .chart")
    expect(only.locator(".plot[data-points]")).to_be_visible()
    only.locator(".menu summary").click()
    with page.expect_download() as download:
        only.get_by_role("button", name="SVG").click()
    picture = ElementTree.parse(download.value.path()).getroot()
    assert next(picture.iter(f"{SVG}text")).text == name.replace("\x01", "\ufffd")


def _odd(data: dict[str, object], name: str) -> dict[str, object]:
    return {name: data["loss"], "epoch": data["epoch"]} if "loss" in data else data
