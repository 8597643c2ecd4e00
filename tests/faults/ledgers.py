"""Said = received + reported dropped: the account that every fault of the disk must leave exact."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from tests.dubhe_sidecar.helpers import Place
from tests.faults.talker import Talker


def status(place: Place) -> dict[str, Any]:
    """Return what ``dubhe status`` tells."""
    done = place.dubhe("status", "--json")
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def word(message: dict[str, Any]) -> str:
    """Return what a talker was told to say for this message."""
    data = message["value"]["data"]
    kinds = {2: "progress", 3: "result"}
    return kinds.get(message["value"]["mes_type"]) or str(data["action"])


def received(place: Place) -> Counter[str]:
    """Return how many messages of each kind arrived."""
    return Counter(word(message) for message in place.messages)


def check(place: Place, *talkers: Talker, unnoted: int = 0, torn: bool = False) -> int:
    """Assert the account of a spool that is delivered; return how many records were dropped.

    Args:
        place: spool and journal.
        talkers: all that spoke in it.
        unnoted: dropped records that only the log tells of.
        torn: whether the disk refuses even to cut off what did not fit, which is skipped then.
    """
    messages = place.messages
    identities = Counter(
        (m["headers"]["dubhe-writer"], int(m["headers"]["dubhe-seq"])) for m in messages
    )
    assert max(identities.values()) == 1, "something arrived twice"
    by_kind: dict[tuple[str, str], list[int]] = {}
    for message in messages:
        if "n" in message["value"]["data"]:
            key = (message["headers"]["dubhe-writer"], word(message))
            by_kind.setdefault(key, []).append(message["value"]["data"]["n"])
    for key, numbers in by_kind.items():
        assert numbers == sorted(set(numbers)), f"{key} is out of order"
    told = status(place)
    dropped = int(told["dropped"]) + unnoted
    said = sum(talker.total for talker in talkers)
    assert len(messages) + dropped == said, (
        f"{said} said, {len(messages)} received, {dropped} dropped"
    )
    assert told["missing"] == 0
    assert torn or told["damaged_bytes"] == 0
    assert told["undelivered"] == 0
    return dropped
