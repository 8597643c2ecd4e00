"""Whatever an algorithm says is text: nothing of it becomes markup, script or an address.

The content security policy would stop inline scripts too; the tests look for elements as well, so
that neither hides the other's failure.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.dubhe_simulator.ui import Journal
from tests.page.fixtures import Visitor
from tests.page.platform import Platform
from tests.page.test_outage import VIEWS
from tests.support.waiting import wait_for

MARKUP = (
    "</script></style></title><script>hacked=1</script>"
    "<img src=planted onerror=hacked=1><svg onload=hacked=1><b class=planted>\"'`\u202e{{7*7}}"
)
LINK = "javascript:hacked=1"
TRAIN = f"net-{MARKUP}-train-1"
EVALUATE = f"net-{MARKUP}-forecast-1"
LOG = f"2026-01-01 00:00:00,000 ERROR 7 {MARKUP}\n<script>hacked=1</script>\n"


@pytest.fixture(scope="module")
def platform(start: Callable[..., Platform], tmp_path_factory: pytest.TempPathFactory) -> Platform:
    runs: Path = tmp_path_factory.mktemp("hostile") / "runs"
    train = Journal(runs / "1" / "train", TRAIN)
    train.start()
    for step in range(5):
        train.report(
            2, {MARKUP: float(step), "constructor": 1.0, "__proto__": 2.0, "progress": 0.1}
        )
    train.end(300, f"{TRAIN} current model error {MARKUP}")
    (runs / "1" / "train" / "log").mkdir()
    (runs / "1" / "train" / "log" / "dubhe.log").write_text(LOG)
    evaluate = Journal(runs / "1" / "evaluate", EVALUATE)
    evaluate.start()
    for number, path in enumerate((MARKUP, LINK, f"/data/{MARKUP}.png", "a.png")):
        info = {
            "ground_true": MARKUP,
            "predict_code": LINK if number % 2 else MARKUP,
            "conf": 0.5,
            "shape_type": MARKUP,
            "position": [[1, 1], [5, 5]],
            "special": {MARKUP: MARKUP},
        }
        evaluate.report(3, [{"img_path": path, "bbox_cnt": 1, "info": [info]}])
    evaluate.report(3, {MARKUP: MARKUP})
    evaluate.end()
    platform = start(runs=runs)
    wait_for(lambda: len(platform.get("state")["instances"]) == 2, "both instances")
    return platform


def check(page: Page) -> None:
    """Nothing ran, and nothing that was said is an element or an address."""
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator(".planted, [src=planted], svg[onload], [onerror]").count() == 0
    scripts = page.locator("script").evaluate_all("all => all.map(s => s.getAttribute('src'))")
    assert scripts == ["app.js"]
    addresses = page.locator("[href], [src], [action]").evaluate_all(
        "all => all.flatMap(e => [e.href, e.src, e.action]).filter(a => typeof a === 'string')"
    )
    assert not [a for a in addresses if a.lower().startswith(("javascript:", "data:text"))]
    assert page.evaluate("document.title").count("<script>") <= 1  # as text it may be there
    assert page.evaluate("({}).x === undefined && [].constructor === Array")


SHOWN = {
    "overview": ".card-id",
    "curves": ".chart",
    "results": ".tile",
    "log": ".log-line",
    "messages": ".message-row",
}


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_makes_markup_of_what_is_said(
    platform: Platform, visit: Visitor, view: str
) -> None:
    page = visit(f"{platform.url}/#/{view}")
    expect(page.locator("nav [aria-current]")).to_have_attribute("href", f"#/{view}")
    if view in SHOWN:
        expect(page.locator(SHOWN[view]).first).to_be_visible()
        expect(page.locator("main")).to_contain_text("hacked=1")
    check(page)


def test_nor_do_a_lightbox_a_matrix_and_a_messages_detail(
    platform: Platform, visit: Visitor
) -> None:
    page = visit(f"{platform.url}/#/results")
    page.locator(".tile").first.click()
    expect(page.locator(".lightbox")).to_contain_text("hacked=1")
    check(page)
    page.keyboard.press("Escape")
    page.locator(".matrix button").first.click()
    check(page)
    page.goto(f"{platform.url}/#/messages")
    page.locator(".tail .message-row:visible").last.click()
    expect(page.locator(".detail")).to_contain_text("hacked=1")
    check(page)


def test_nor_does_an_address_that_somebody_made_up(platform: Platform, visit: Visitor) -> None:
    visit.forgiven = "404"  # of an instance, or a run, that there is not
    for view in VIEWS:
        page = visit(f"{platform.url}/#/{view}?instance={MARKUP}&runs={MARKUP}&metric={MARKUP}")
        expect(page.locator("nav")).to_be_visible()
        check(page)


def test_the_policy_stops_a_script_that_is_planted_all_the_same(
    platform: Platform, visit: Visitor
) -> None:
    visit.forgiven = "Content Security Policy"
    page = visit(platform.url)
    page.evaluate(
        "() => { const i = document.createElement('img'); i.setAttribute('onload', 'hacked=1');"
        " i.src = 'icon.svg'; document.body.append(i); return i.decode().catch(() => 0); }"
    )
    page.evaluate(
        "() => { const s = document.createElement('script'); s.text = 'hacked = 1';"
        " document.body.append(s); }"
    )
    assert page.evaluate("typeof hacked") == "undefined"
