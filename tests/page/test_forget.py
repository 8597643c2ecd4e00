"""An instance that is forgotten vanishes from every view, in every open page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.page.fixtures import Visitor
from tests.page.platform import Platform


def test_an_instance_is_forgotten(
    start: Callable[..., Platform], algorithm: Path, visit: Visitor
) -> None:
    platform = start(algorithm)
    platform.post("workflow", images=2, special_params={"epochs": 1, "pause": 0})
    platform.wait_workflow()
    page, other = visit(platform.url), visit(f"{platform.url}/#/curves")
    messages = visit(f"{platform.url}/#/messages")
    expect(other.locator(".plot[data-points]")).to_have_count(2)
    expect(messages.locator(".toolbar .note")).to_contain_text("messages")
    before = messages.locator(".toolbar .note").inner_text()
    running = page.locator(".card[data-state=ready]")
    expect(running.get_by_role("button", name="Forget")).to_be_hidden()
    train = page.locator(".card", has=page.locator("a[href^='#/curves']:visible"))
    forget = train.get_by_role("button", name="Forget")

    page.once("dialog", lambda dialog: dialog.dismiss())
    forget.click()
    expect(page.locator(".card")).to_have_count(3)

    page.once("dialog", lambda dialog: dialog.accept())
    forget.click()
    expect(page.locator(".card")).to_have_count(2)
    expect(other.get_by_role("heading", name="No curves yet")).to_be_visible()
    expect(other.locator(".hint:visible")).to_have_count(0)
    expect(messages.locator(".toolbar .note")).not_to_have_text(before)
    page.reload()
    expect(page.locator(".card")).to_have_count(2)
