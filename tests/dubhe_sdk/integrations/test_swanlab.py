"""What `swanlab.log` gets goes to the platform, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sdk.service.harness import App
from tests.integrations import trackers
from tests.integrations.support import marks

pytestmark = marks


@pytest.fixture(scope="module", params=trackers.MODES)
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("swanlab")
    with trackers.started_with("swanlab", request.param, folder) as app:
        yield app


def test_what_is_logged_is_reported(app: App) -> None:
    trackers.check_what_is_reported(app)


def test_after_a_failure_it_is_as_before(app: App) -> None:
    trackers.check_that_a_failure_leaves_nothing(app)


@pytest.mark.needs("root", "unshare", "ip")
def test_no_network_is_asked_for(tmp_path: Path) -> None:
    trackers.check_that_no_network_is_asked_for("swanlab", tmp_path)
