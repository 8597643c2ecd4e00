"""The page of ``docker-compose.yml``, clicked through: Kafka, containers and volumes are real."""

from __future__ import annotations

import http.client
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.compose.algorithm import LONG_BATCHES, own_algorithm
from tests.compose.conftest import MakeProject
from tests.compose.project import Project
from tests.compose.said import (
    BATCHES,
    EPOCHS,
    STATUS,
    TESTED,
    VALIDATED,
    actions,
    check_digits,
    check_once_and_in_order,
    values,
)
from tests.page.fixtures import Visitor
from tests.support.waiting import wait_for

ENDED_BY_SIGTERM = 143
TASK_MS = 60_000
SEND = ("dubhe", "send", "infer", "--ui")
LOSSES = EPOCHS * (BATCHES + 1)  # one for each batch, and one for each epoch


def points(page: Page) -> int:
    """How many points of the loss the page has received."""
    return int(page.locator(".chart[data-metric=loss] .plot").get_attribute("data-total") or 0)


def go(page: Page, view: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=view).click()


def wait_for_points(page: Page, number: int) -> None:
    go(page, "Curves")
    wait_for(lambda: page.locator(".chart[data-metric=loss] .plot[data-points]").count(), "a curve")
    wait_for(lambda: points(page) == number, lambda: f"{number} points; {points(page)} are there")


def status_of(project: Project, host: str, token: str) -> int:
    """Ask for the state as if the page's address were ``host``."""
    connection = http.client.HTTPConnection("127.0.0.1", project.page_port, timeout=20)
    headers = {"Host": host, "Authorization": f"Bearer {token}"}
    connection.request("GET", "/api/state", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_digits_over_http_by_clicking(make_project: MakeProject, visit: Visitor) -> None:
    project = make_project()
    done = project.run("up", "--build", "-d")
    assert done.returncode == 0, done.stdout[-5000:]
    link = project.address()
    url, _, token = link.partition("/?token=")
    assert url == f"http://127.0.0.1:{project.page_port}"
    [published] = project.container("platform").ports["8040/tcp"]
    assert published == {"HostIp": "127.0.0.1", "HostPort": str(project.page_port)}
    local = f"localhost:{project.page_port}"
    assert [status_of(project, local, shown) for shown in (token, "another")] == [200, 401]
    for foreign in ("platform:8040", "evil.example", "192.0.2.1:8040"):
        assert status_of(project, foreign, token) == 403, foreign

    page = visit(link)
    page.locator("summary", has_text="Options").click()
    expect(page.get_by_label("Business parameters")).to_have_value('{"epochs":2}')
    page.locator("[data-action=train]").click()
    card = page.locator(".card").first
    expect(card).to_have_attribute("data-state", "ended", timeout=TASK_MS)
    wait_for_points(page, LOSSES)
    go(page, "Instances")
    page.locator("[data-action=evaluate]").click()
    expect(card.locator(".card-kind")).to_have_text("Evaluation")
    expect(card).to_have_attribute("data-state", "ended", timeout=TASK_MS)
    page.locator("[data-action=infer]").click()
    expect(page.locator(".workflow li").nth(2)).to_have_class("done", timeout=TASK_MS)

    go(page, "Send")
    page.locator(".sent summary").first.click()
    expect(page.locator(".sent .tile")).to_have_count(6)
    page.goto(f"{url}/#/results?run=2")
    expect(page.locator(".gallery-count")).to_contain_text(f"of {TESTED} images")
    image = page.locator(".tile[data-outcome]:visible img").first
    wait_for(lambda: image.evaluate("image => image.naturalWidth") == 32, "the volume's images")

    page.goto(f"{url}/#/overview")
    train = page.locator(".card", has_text="Training")
    name = train.locator(".card-id").inner_text()
    page.goto(f"{url}/#/log?instance={name}")
    page.get_by_role("searchbox").fill("validating on")
    expect(page.locator(".find-result")).to_have_text("1 of 1 line")
    expect(page.locator(".log-line.current mark")).to_have_text("validating on")
    go(page, "Delivery")
    delivered = str(3 + LOSSES + VALIDATED)
    expect(page.locator(f".card[data-instance={name}]")).to_contain_text(delivered)

    # What scripts can do beside it.
    sent = project.run("exec", "-T", "platform", *SEND, f"http://127.0.0.1:8040/?token={token}")
    assert sent.returncode == 0, sent.stdout
    assert '"flag": 1' in sent.stdout

    # What it knows is on a volume; what it had started has ended with it.
    page.context.close()
    assert project.run("restart", "platform").returncode == 0
    page = visit(project.address())
    expect(page.locator(".card[data-state=ended]")).to_have_count(3)
    wait_for_points(page, LOSSES)
    check_digits(project)
    page.context.close()
    assert project.run("stop").returncode == 0
    statuses = project.statuses()
    assert statuses.pop("kafka") and statuses.pop("platform") == ENDED_BY_SIGTERM
    assert statuses == {"data": 0}
    assert project.instances() == []


def test_an_own_algorithm_over_tcp_while_kafka_restarts(
    make_project: MakeProject, tmp_path: Path, visit: Visitor
) -> None:
    project = make_project(**own_algorithm(tmp_path, long=True), COMPOSE_PROFILES="train,infer")
    done = project.run("up", "--build", "-d")
    assert done.returncode == 0, done.stdout[-5000:]
    page = visit(project.address())
    expect(page.locator("[data-action=evaluate]")).to_be_hidden()
    expect(page.locator(".subtitle")).to_contain_text("stripes · TCP")
    page.locator("[data-action=all]").click()
    card = page.locator(".card").first
    expect(card).to_have_attribute("data-state", "running", timeout=TASK_MS)
    go(page, "Curves")
    wait_for(lambda: points(page) > 100, "a training in full swing")
    project.container("kafka").stop(timeout=20)
    banner = page.locator(".banner", has_text="kafka:9092")
    expect(banner).to_be_visible()
    assert points(page) < LONG_BATCHES
    project.container("kafka").start()
    project.wait_for_health("kafka")
    expect(page.locator(".banner")).to_have_count(0, timeout=TASK_MS)
    wait_for(lambda: points(page) == LONG_BATCHES, lambda: f"{points(page)} points", timeout=60)
    go(page, "Instances")
    expect(page.locator(".workflow li").last).to_have_class("done", timeout=TASK_MS)
    go(page, "Send")
    page.locator(".sent summary").first.click()
    expect(page.locator(".sent .tile")).to_have_count(6)

    status = project.read(STATUS)
    check_once_and_in_order(status)
    train = values(status, "train")
    assert actions(train) == ["READY", "START", "progress", "END"]
    assert sum("progress" in value["data"] for value in train) == LONG_BATCHES
