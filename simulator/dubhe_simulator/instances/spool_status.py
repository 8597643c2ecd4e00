"""How many messages an instance has said, from its own spool: the other side of the account."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from dubhe_sdk.process.command import support_command


def spoken(spool: Path) -> int | None:
    """Return how many messages were said into a spool since it was made, delivered or not.

    Asks `dubhe status`. None if there is no spool: the algorithm does not use this SDK.
    """
    if not spool.is_dir():
        return None
    result = subprocess.run(
        [*support_command(), "status", "--json", str(spool)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    try:
        status = json.loads(result.stdout)
        return sum(
            int(status[name]) for name in ("delivered", "undelivered", "dropped", "dead_letters")
        )
    except (ValueError, KeyError, TypeError):
        return None
