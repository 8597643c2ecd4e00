"""Said = received + reported dropped: the counter that every fault of the disk must leave exact."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.dubhe_sidecar.helpers import SidecarHarness
from tests.faults.scripted_writer import ScriptedWriter


def status(harness: SidecarHarness) -> dict[str, Any]:
    """Return what ``dubhe status`` shows."""
    done = harness.dubhe("status", "--json")
    assert done.stdout, done.stderr
    published: dict[str, Any] = json.loads(done.stdout)
    return published


def kind_of(message: dict[str, Any]) -> str:
    """Return what a scripted writer was given to report for this message."""
    data = message["value"]["data"]
    kinds = {2: "progress", 3: "result"}
    return kinds.get(message["value"]["mes_type"]) or str(data["action"])


def received(harness: SidecarHarness) -> Counter[str]:
    """Return how many messages of each kind arrived."""
    return Counter(kind_of(message) for message in harness.messages)


def check(
    harness: SidecarHarness, *writers: ScriptedWriter, unnoted: int = 0, torn: bool = False
) -> int:
    """Assert the counter of a spool that is delivered; return how many records were dropped.

    Args:
        harness: whose spool and journal are looked at.
        writers: all that reported in it.
        unnoted: dropped records that only the log shows.
        torn: whether the disk refuses even to cut off what did not fit, which is skipped then.
    """
    messages = harness.messages
    identities = Counter(
        (m["headers"]["dubhe-writer"], int(m["headers"]["dubhe-seq"])) for m in messages
    )
    assert max(identities.values()) == 1, "something arrived twice"
    by_kind: dict[tuple[str, str], list[int]] = {}
    for message in messages:
        if "n" in message["value"]["data"]:
            key = (message["headers"]["dubhe-writer"], kind_of(message))
            by_kind.setdefault(key, []).append(message["value"]["data"]["n"])
    for key, numbers in by_kind.items():
        assert numbers == sorted(set(numbers)), f"{key} is out of order"
    published = status(harness)
    dropped = int(published["dropped"]) + unnoted
    reported = sum(writer.total for writer in writers)
    assert len(messages) + dropped == reported, (
        f"{reported} said, {len(messages)} received, {dropped} dropped"
    )
    assert published["missing"] == 0
    assert torn or published["damaged_bytes"] == 0
    assert published["undelivered"] == 0
    return dropped
