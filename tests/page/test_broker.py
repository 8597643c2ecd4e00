"""A real broker dies while an algorithm trains: the page says so, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.kafka.fixtures import BrokerFactory
from tests.page.fixtures import Visitor
from tests.page.platform import Platform
from tests.support.waiting import wait_for

TOPICS = ("alg_model_progress", "als_model_result")
OUTAGE_S = 60  # within which both ends have noticed; a few seconds on an idle machine


def total(page: Page) -> int:
    plot = page.locator(".chart[data-metric=accuracy] .plot")
    return int(plot.get_attribute("data-total") or 0)


def undelivered(page: Page) -> int:
    card = page.locator(".card[data-instance] dd").first
    return int(card.inner_text().split(" · ")[0].replace(",", "").replace("–", "0"))


def test_a_broker_dies_in_mid_run(
    start: Callable[..., Platform],
    make_broker: BrokerFactory,
    algorithm: Path,
    visit: Visitor,
    tmp_path: Path,
) -> None:
    broker = make_broker().start()
    for topic in TOPICS:
        broker.create_topic(topic)
    platform = start(algorithm, "--brokers", broker.bootstrap)
    enough = tmp_path / "enough"
    platform.post("workflow/train", special_params={"pause": 0.02, "until": str(enough)})
    page = visit(f"{platform.url}/#/curves?axis=step")
    expect(page.locator(".source")).to_have_class("source ok")
    wait_for(lambda: page.locator(".plot[data-points]").count() == 2 and total(page) > 5, "points")
    expect(page.locator(".banner")).to_have_count(0)

    broker.kill()
    source = page.locator(".banner", has_text="Messages cannot be read from")
    expect(source).to_contain_text(broker.bootstrap, timeout=OUTAGE_S * 1000)
    expect(page.locator(".source")).to_have_class("source bad")
    before = total(page)
    page.reload()  # the page knows no less than before
    expect(source).to_be_visible()
    wait_for(lambda: total(page) >= before, "what had arrived before")

    page.goto(f"{platform.url}/#/delivery")
    expect(page.locator(".source-card .badge")).to_have_text("Unreachable")
    card = page.locator(".card[data-instance]")
    expect(card.locator(".badge")).to_have_text("Cannot deliver", timeout=OUTAGE_S * 1000)
    expect(card.locator(".reason")).to_be_visible()
    expect(page.locator(".banner", has_text="cannot deliver")).to_contain_text(
        "messages are waiting"
    )
    waiting = undelivered(page)
    wait_for(lambda: undelivered(page) > waiting, "more that waits", OUTAGE_S)

    broker.start()
    expect(page.locator(".banner")).to_have_count(0, timeout=OUTAGE_S * 1000)
    expect(page.locator(".source-card .badge")).to_have_text("Working")
    enough.touch()
    platform.wait_workflow()
    steps = int(enough.read_text())
    wait_for(lambda: undelivered(page) == 0, "nothing that waits")
    curve = platform.get("curves?run=1&metric=accuracy&axis=step&width=8000")
    assert curve["x"] == list(range(steps))
    page.goto(f"{platform.url}/#/curves?axis=step")
    wait_for(lambda: total(page) == steps, "a curve that is complete")
    page.goto(f"{platform.url}/#/overview")
    expect(page.locator(".card")).to_have_attribute("data-state", "ended")


def test_a_topic_that_loses_messages_is_a_warning_in_both_languages(
    start: Callable[..., Platform],
    make_broker: BrokerFactory,
    algorithm: Path,
    visit: Visitor,
    tmp_path: Path,
) -> None:
    """Delivery works, so there is no banner; the card of the instance has it."""
    broker = make_broker().start()
    for topic in TOPICS:
        broker.create_topic(topic, config={"cleanup.policy": "compact"})
    platform = start(algorithm, "--brokers", broker.bootstrap)
    enough = tmp_path / "enough"
    platform.post("workflow/train", special_params={"pause": 0.02, "until": str(enough)})
    for locale, text in (("en-US", "Warning: topic"), ("zh-CN", "警告：topic")):
        page = visit(f"{platform.url}/#/delivery", locale=locale)
        warning = page.locator(".card[data-instance] .delivery-warning")
        expect(warning).to_contain_text(text, timeout=OUTAGE_S * 1000)
        expect(warning).to_contain_text("cleanup.policy=compact")
        expect(page.locator(".banner")).to_have_count(0)
    enough.touch()
    platform.wait_workflow()
