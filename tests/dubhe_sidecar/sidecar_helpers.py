"""What a running sidecar has delivered."""

from __future__ import annotations

from dubhe_sidecar.status import read_live
from tests.dubhe_sidecar.helpers import Place
from tests.support.journal import says
from tests.support.waiting import wait_for


def identities(place: Place) -> list[tuple[str, int]]:
    return [
        (message["headers"]["dubhe-writer"], int(message["headers"]["dubhe-seq"]))
        for message in place.messages
    ]


def wait_until_delivering(place: Place) -> None:
    wait_for(lambda: read_live(place.spool), lambda: f"a sidecar: {place.log_text}")


def actions(place: Place, stream: str) -> list[str]:
    """Return what a stream said, in words."""
    return [says(m) for m in place.messages if m["headers"]["dubhe-writer"] == stream]
