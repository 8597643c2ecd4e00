"""What the book changed since the store was written last."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Row = tuple[Any, ...]


@dataclass
class Unsaved:
    """Rows for the store. One transaction takes them all.

    Attributes:
        touched: what pages have to be told of once they are stored, since they will ask for it.
        confirm: to be called once they are stored.
    """

    positions: dict[str, str] = field(default_factory=dict)
    messages: list[Row] = field(default_factory=list)
    sends: list[Row] = field(default_factory=list)
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    said: dict[str, dict[str, Any]] = field(default_factory=dict)
    seqs: list[Row] = field(default_factory=list)
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    curves: list[Row] = field(default_factory=list)
    chunks: list[Row] = field(default_factory=list)
    results: list[Row] = field(default_factory=list)
    findings: list[Row] = field(default_factory=list)
    moved: list[Row] = field(default_factory=list)
    touched: dict[tuple[str, str], None] = field(default_factory=dict)
    confirm: list[Callable[[], None]] = field(default_factory=list)

    def write(self, connection: sqlite3.Connection) -> None:
        """Write everything, within a transaction."""
        many = connection.executemany
        many("INSERT OR REPLACE INTO positions VALUES (?, ?)", self.positions.items())
        many(_INSERT_MESSAGE, self.messages)
        many("INSERT INTO sends VALUES (?, ?, ?, ?, ?, ?, ?)", self.sends)
        many("INSERT OR REPLACE INTO known VALUES (?, ?)", _facts(self.known))
        many("INSERT OR REPLACE INTO said VALUES (?, ?)", _facts(self.said))
        many("INSERT OR REPLACE INTO seqs VALUES (?, ?, ?)", self.seqs)
        many("INSERT OR REPLACE INTO runs VALUES (?, ?)", _facts(self.runs))
        many("INSERT OR REPLACE INTO curves VALUES (?, ?, ?, ?, ?)", self.curves)
        many("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?)", self.chunks)
        many("INSERT INTO results VALUES (?, ?, ?, ?, ?)", self.results)
        many("INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self.findings)
        many("UPDATE results SET run = ? WHERE id = ?", self.moved)


_INSERT_MESSAGE = f"INSERT INTO messages VALUES ({', '.join('?' * 13)})"


def _facts(of: dict[Any, dict[str, Any]]) -> list[Row]:
    return [(key, json.dumps(facts)) for key, facts in of.items()]
