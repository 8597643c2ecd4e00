"""What a run has found: tables for people, figures for the picture and the targets."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Table:
    """A table as it is printed and written. Cells are texts; the first column names the row."""

    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class Section:
    """The outcome of one part of the measurements.

    ``figures`` maps names such as ``single/ours/median_ns`` to numbers; the unit ends the name.
    """

    name: str
    title: str
    method: str
    tables: list[Table] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    """When, by which command, on which machine, how noisy: see ``machine.py``."""


def load(path: Path) -> dict[str, Section]:
    """Return the sections kept in a file, by name; none if there is no such file."""
    if not path.exists():
        return {}
    kept = json.loads(path.read_text("utf-8"))
    return {
        name: Section(**{**raw, "tables": [Table(**table) for table in raw["tables"]]})
        for name, raw in kept.items()
    }


def save(path: Path, sections: dict[str, Section]) -> None:
    """Keep the sections in a file, in place of what it held."""
    raw = {name: dataclasses.asdict(section) for name, section in sections.items()}
    path.write_text(json.dumps(raw, indent=1, sort_keys=True) + "\n", "utf-8")
