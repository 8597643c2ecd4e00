"""Everything that was reported is delivered before the end."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from dubhe_sdk.process.command import dubhe_command
from tests.dubhe_sdk.launch.support import SPEAKER, launch, progress
from tests.dubhe_sdk.service.harness import App


@pytest.mark.smoke
def test_everything_reported_is_delivered_before_the_end(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        launch(app, sys.executable, "speaker.py", "5000")
        assert app.wait() == 0
        assert progress(app) == [number / 5000 for number in range(5000)]


def test_messages_of_an_earlier_container_are_delivered_too(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        app.write("speaker.py", SPEAKER)
        subprocess.run([sys.executable, "speaker.py", "5"], cwd=tmp_path, env=app.env, check=True)
        launch(app, "true")
        assert app.wait() == 0
        assert progress(app) == [0.0, 0.2, 0.4, 0.6, 0.8]


def test_brokers_that_cannot_be_reached_cost_the_drains_deadline(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        began = time.monotonic()
        launch(
            app, sys.executable, "speaker.py", "10",
            BOOTSTRAP_SERVERS="127.0.0.1:1", DUBHE_DRAIN_TIMEOUT_SECONDS="1",
        )  # fmt: skip
        assert app.wait() == 0
        assert time.monotonic() - began > 1
        assert "not everything could be delivered in time; the rest stays in the spool" in (
            app.console
        )
        assert not app.marked.living()
        # It is all still there, and nobody gets it but whom it is for, or who is told to take it.
        del app.env["BOOTSTRAP_SERVERS"]
        launch(app, "true", DUBHE_DRAIN_TIMEOUT_SECONDS="20")
        assert app.wait() == 0
        assert app.messages == []
        assert "holds records for Kafka (1 stream)" in app.console
        app.start([*dubhe_command(), "sidecar", "--drain", "--any-destination"], until=None)
        assert app.wait() == 0
        assert len(app.messages) == 10
