"""An answer that comes late never stands where another one belongs; what is typed stays."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.fixtures import Visitor
from tests.page.platform import Platform
from tests.support.waiting import wait_for

NAMES = ["100%", "a,b", "p~q"]  # legal in JSON, awkward in an address


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], algorithm: Path) -> Platform:
    platform = start(algorithm)
    platform.post("workflow", images=2, special_params={"epochs": 1, "pause": 0, "metrics": NAMES})
    platform.wait_workflow()
    platform.post("start", kind="train")
    wait_for(lambda: len(ready(platform)) == 2, "two that wait for requests")
    return platform


def ready(platform: Platform) -> dict[str, str]:
    """Return the ids of the instances that wait for requests, by kind."""
    instances = platform.get("state")["instances"]
    return {i["kind"]: i["id"] for i in instances if i["state"] == "ready"}


def hold(page: Page, pattern: str) -> list[Route]:
    """Keep requests back; they go on when the test lets them."""
    held: list[Route] = []
    page.route(pattern, lambda route: held.append(route))
    return held


def test_a_late_form_does_not_replace_that_of_another_instance(
    platform: Platform, visit: Visitor
) -> None:
    ids = ready(platform)
    page = visit(f"{platform.url}/#/send?instance={ids['infer']}")
    editor = page.get_by_label("JSON", exact=True)
    expect(editor).to_have_value(re.compile(ids["infer"]))
    held = hold(page, f"**/api/forms?instance={ids['train']}")
    menu = page.locator(".toolbar select").first
    menu.select_option(ids["train"])
    wait_for(lambda: page.evaluate("1") and held, "the request for the form")
    menu.select_option(ids["infer"])
    with page.expect_response(lambda answer: ids["train"] in answer.url):
        held[0].continue_()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(editor).to_have_value(re.compile(ids["infer"]))


def test_late_lines_do_not_join_another_log(platform: Platform, visit: Visitor) -> None:
    ids = ready(platform)
    page = visit(f"{platform.url}/#/log?instance={ids['infer']}")
    expect(page.locator(".log-line").first).to_be_visible()
    held = hold(page, f"**/api/log?instance={ids['train']}*")
    menu = page.locator(".toolbar select").first
    menu.select_option(ids["train"])
    wait_for(lambda: page.evaluate("1") and held, "the request for the log")
    menu.select_option(ids["infer"])
    expect(page.locator(".log-line:visible")).not_to_have_count(0)
    before = page.locator(".log-text:visible").all_inner_texts()
    with page.expect_response(lambda answer: ids["train"] in answer.url):
        held[0].continue_()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert page.locator(".log-text:visible").all_inner_texts() == before


def test_what_is_typed_survives_theme_language_and_another_view(
    platform: Platform, visit: Visitor
) -> None:
    page = visit(f"{platform.url}/#/send?instance={ready(platform)['infer']}")
    page.get_by_label("image_names").fill("dent/3.png")
    page.locator(".theme select").select_option("dark")
    expect(page.get_by_label("image_names")).to_have_value("dent/3.png")
    page.emulate_media(color_scheme="dark")
    expect(page.get_by_label("image_names")).to_have_value("dent/3.png")
    page.locator(".language select").select_option("zh")
    expect(page.locator("h1")).to_have_text("请求")
    expect(page.get_by_label("image_names")).to_have_value("dent/3.png")
    page.get_by_role("link", name="日志").click()
    expect(page.locator("h1")).to_have_text("日志")
    page.go_back()
    expect(page.get_by_label("image_names")).to_have_value("dent/3.png")


def test_the_server_is_told_the_language_and_told_again(platform: Platform, visit: Visitor) -> None:
    page = visit("about:blank", locale="zh-CN")
    page.add_init_script("delete window.SharedWorker;")  # as phones have it; else it is what asks
    with (
        page.expect_request("**/api/events?*language=zh*"),
        page.expect_request("**/api/state") as s,
    ):
        page.goto(platform.url)
    assert s.value.headers["accept-language"] == "zh"
    expect(page.locator("h1")).to_have_text("实例")
    with (
        page.expect_request("**/api/events?*language=en*"),
        page.expect_request("**/api/state") as s,
    ):
        page.locator(".language select").select_option("en")
    assert s.value.headers["accept-language"] == "en"
    expect(page.locator(".card").first).to_be_visible()


SHARED = """
window.workers = [];
const Real = SharedWorker;
window.SharedWorker = function (address) {
  window.workers.push(address);
  return new Real(address);
};
"""


def test_windows_of_one_language_share_a_stream(platform: Platform, visit: Visitor) -> None:
    page = visit("about:blank", locale="zh-CN")
    page.add_init_script(SHARED)
    page.goto(platform.url)
    expect(page.locator("h1")).to_have_text("实例")
    page.locator(".language select").select_option("en")
    expect(page.locator(".card").first).to_be_visible()
    wait_for(lambda: len(page.evaluate("() => window.workers")) == 2, "a stream in English")
    languages = [each.rpartition("=")[2] for each in page.evaluate("() => window.workers")]
    assert languages == ["zh", "en"]


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_may_be_called_anything(platform: Platform, visit: Visitor, name: str) -> None:
    page = visit(f"{platform.url}/#/curves?axis=step")
    chart = page.locator(f'.chart[data-metric="{name}"]')
    chart.scroll_into_view_if_needed()
    expect(chart.locator(".plot[data-points]")).to_have_count(1)
    chart.get_by_text("log", exact=True).click()
    chart.locator(".plot").focus()
    for _ in range(4):
        page.keyboard.press("+")
    wait_for(lambda: "window=" in str(page.evaluate("() => location.href")), "a window")
    plot = chart.locator(".plot")
    wait_for(lambda: 0 < int(plot.get_attribute("data-total") or 0) < 10, "the window's points")
    page.reload()
    chart.scroll_into_view_if_needed()
    wait_for(lambda: 0 < int(plot.get_attribute("data-total") or 0) < 10, "the same after a reload")
    expect(chart.get_by_text("log", exact=True)).to_have_attribute("aria-pressed", "true")


def test_going_back_closes_an_image(platform: Platform, visit: Visitor) -> None:
    page = visit(f"{platform.url}/#/overview")
    page.get_by_role("navigation").get_by_role("link", name="Results").click()
    page.locator(".tile[data-outcome]").first.click()
    expect(page.locator(".lightbox .prediction").first).to_be_visible()
    page.go_back()
    expect(page.locator("h1")).to_have_text("Instances")
    expect(page.locator(".lightbox")).to_have_count(0)
