"""Who comes without the token sees a form, and with it the page; no restart leaves a dead page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.dubhe_simulator.ui import Ui
from tests.page.fixtures import Visitor


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[Ui]:
    with Ui(tmp_path / "runs", "--host", "0.0.0.0") as running:
        yield running


def log_in(page: Page, token: str, label: str = "Token", button: str = "Log in") -> None:
    page.get_by_label(label).fill(token)
    page.get_by_role("button", name=button).click()


def test_the_link_leads_to_the_page(ui: Ui, visit: Visitor) -> None:
    page = visit(ui.link)
    expect(page.get_by_role("heading", name="Instances", exact=True)).to_be_visible()
    assert page.url in (f"{ui.url}/", f"{ui.url}/#/overview")
    # The stream of events has the cookie as well.
    ui.post("attach", address="127.0.0.1:9", instance="net-local-train-1")
    expect(page.get_by_text("net-local-train-1").first).to_be_visible()


def test_the_form_in_both_languages(ui: Ui, visit: Visitor) -> None:
    visit.forgiven = "401"
    page = visit(ui.url)
    expect(page.get_by_text("This page demands a token")).to_be_visible()
    log_in(page, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("This is not the token")
    log_in(page, ui.token or "")
    expect(page.get_by_role("heading", name="Instances", exact=True)).to_be_visible()
    page = visit(ui.url, locale="zh-CN")
    expect(page.get_by_text("此页面需要令牌")).to_be_visible()
    log_in(page, ui.token or "", "令牌", "登录")
    expect(page.get_by_role("heading", name="实例", exact=True)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_form_follows_the_theme(ui: Ui, visit: Visitor, scheme: str) -> None:
    visit.forgiven = "401"
    page = visit(ui.url, scheme=scheme)
    expect(page.get_by_label("Token")).to_be_focused()
    colours = page.evaluate(
        "() => [document.body, document.querySelector('input')].map("
        "e => getComputedStyle(e).backgroundColor)"
    )
    dark = [sum(map(int, re.findall(r"\d+", colour)[:3])) < 200 for colour in colours]
    assert dark == [scheme == "dark"] * 2


def test_after_a_restart_an_open_page_asks_again(tmp_path: Path, visit: Visitor) -> None:
    visit.forgiven = "Failed to load resource"
    with Ui(tmp_path / "runs", "--host", "0.0.0.0") as first:
        page = visit(first.link)
        expect(page.get_by_role("heading", name="Instances", exact=True)).to_be_visible()
        port = first.port
    with Ui(tmp_path / "runs", "--host", "0.0.0.0", "--port", port) as second:
        expect(page.get_by_label("Token")).to_be_visible(timeout=30_000)
        log_in(page, second.token or "")
        expect(page.get_by_role("heading", name="Instances", exact=True)).to_be_visible()
