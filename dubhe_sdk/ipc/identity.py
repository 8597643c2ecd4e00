"""The instance's id when nobody gave one: manual mode."""

from __future__ import annotations

import re
from pathlib import Path

from dubhe_sdk.contract.kind import TaskKind


def manual_instance_id(app: Path, kind: TaskKind) -> str:
    """Return an id that fits the app: ``manual-<its folder>-<kind>-1``."""
    folder = re.sub(r"[^0-9A-Za-z_]+", "_", app.absolute().parent.name).strip("_") or "app"
    return f"manual-{folder}-{kind.id_word}-1"
