"""What a running sidecar has delivered."""

from __future__ import annotations

from dubhe_sidecar.status import read_live
from tests.dubhe_sidecar.helpers import SidecarHarness
from tests.support.journal import says
from tests.support.waiting import wait_for


def identities(harness: SidecarHarness) -> list[tuple[str, int]]:
    return [
        (message["headers"]["dubhe-writer"], int(message["headers"]["dubhe-seq"]))
        for message in harness.messages
    ]


def wait_until_delivering(harness: SidecarHarness) -> None:
    wait_for(lambda: read_live(harness.spool), lambda: f"a sidecar: {harness.log_text}")


def actions(harness: SidecarHarness, stream: str) -> list[str]:
    """Return what a stream reported, in words."""
    return [says(m) for m in harness.messages if m["headers"]["dubhe-writer"] == stream]
