"""What the registry changed since the database was written last."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dubhe_simulator.contract.json_safe import encode

Row = tuple[Any, ...]


@dataclass
class WriteBatch:
    """Rows for the database. One transaction takes them all.

    Attributes:
        forgotten: instances of which everything stored is deleted first.
        forgotten_runs: numbers of their runs.
        deleted: how many messages that were; known once it is written.
        touched: what pages have to be told of once they are stored, since they will ask for it.
        confirm: to be called once they are stored.
    """

    forgotten: list[str] = field(default_factory=list)
    forgotten_runs: list[int] = field(default_factory=list)
    deleted: int = 0
    positions: dict[str, str] = field(default_factory=dict)
    messages: list[Row] = field(default_factory=list)
    sends: list[Row] = field(default_factory=list)
    managed: dict[str, dict[str, Any]] = field(default_factory=dict)
    provenance: dict[str, dict[str, Any]] = field(default_factory=dict)
    annotations: list[tuple[str, int, dict[str, Any]]] = field(default_factory=list)
    reported: dict[str, dict[str, Any]] = field(default_factory=dict)
    intervals: list[Row] = field(default_factory=list)
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    curves: list[Row] = field(default_factory=list)
    point_sets: list[Row] = field(default_factory=list)
    chunks: list[Row] = field(default_factory=list)
    overviews: list[Row] = field(default_factory=list)
    results: list[Row] = field(default_factory=list)
    predictions: list[Row] = field(default_factory=list)
    moved: list[Row] = field(default_factory=list)
    subjects: dict[tuple[str, str], None] = field(default_factory=dict)
    confirm: list[Callable[[], None]] = field(default_factory=list)

    def forget(self, instance: str, runs: list[int]) -> None:
        """Write nothing of an instance, and delete what was written before."""
        self.forgotten.append(instance)
        self.forgotten_runs += runs
        self.messages = [row for row in self.messages if row[_INSTANCE] != instance]
        self.sends = [row for row in self.sends if row[1] != instance]
        self.provenance.pop(instance, None)
        self.subjects["instance", instance] = None
        self.subjects["messages", ""] = None
        self.subjects["sends", ""] = None

    def write(self, connection: sqlite3.Connection) -> None:
        """Write everything, within a transaction."""
        many = connection.executemany
        for delete in _FORGET_RUN:
            many(delete, [(run,) for run in self.forgotten_runs])
        for delete in _FORGET:
            many(delete, [(name,) for name in self.forgotten])
        deleted = many("DELETE FROM messages WHERE instance = ?", [(n,) for n in self.forgotten])
        self.deleted = max(0, deleted.rowcount)
        many("INSERT OR REPLACE INTO positions VALUES (?, ?)", self.positions.items())
        many(_INSERT_MESSAGE, self.messages)
        many("INSERT INTO sends VALUES (?, ?, ?, ?, ?, ?, ?)", self.sends)
        many("INSERT OR REPLACE INTO managed VALUES (?, ?)", _facts(self.managed))
        many("INSERT OR REPLACE INTO provenance VALUES (?, ?)", _facts(self.provenance))
        many(
            "INSERT OR REPLACE INTO annotations VALUES (?, ?, ?)",
            [(instance, number, encode(facts)) for instance, number, facts in self.annotations],
        )
        many("INSERT OR REPLACE INTO reported VALUES (?, ?)", _facts(self.reported))
        many("INSERT OR REPLACE INTO intervals VALUES (?, ?, ?, ?)", self.intervals)
        many("INSERT OR REPLACE INTO runs VALUES (?, ?)", _facts(self.runs))
        many("INSERT OR REPLACE INTO curves VALUES (?, ?, ?, ?, ?, ?)", self.curves)
        many("INSERT OR REPLACE INTO point_sets VALUES (?, ?, ?, ?)", self.point_sets)
        many("INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?)", self.chunks)
        many("INSERT OR REPLACE INTO overviews VALUES (?, ?, ?, ?)", self.overviews)
        many("INSERT INTO results VALUES (?, ?, ?, ?, ?, ?)", self.results)
        many("INSERT INTO predictions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self.predictions)
        many("UPDATE results SET run = ? WHERE id = ?", self.moved)


_FORGET_RUN = (
    *(
        f"DELETE FROM {table} WHERE curve IN (SELECT id FROM curves WHERE run = ?)"
        for table in ("chunks", "overviews", "point_sets")
    ),
    "DELETE FROM curves WHERE run = ?",
    "DELETE FROM predictions WHERE result IN (SELECT id FROM results WHERE run = ?)",
    "DELETE FROM results WHERE run = ?",
    "DELETE FROM runs WHERE id = ?",
)
_WAITING = "run IS NULL AND instance = ?"
_FORGET = (
    f"DELETE FROM predictions WHERE result IN (SELECT id FROM results WHERE {_WAITING})",
    f"DELETE FROM results WHERE {_WAITING}",
    "DELETE FROM sends WHERE instance = ?",
    "DELETE FROM reported WHERE instance = ?",
    "DELETE FROM managed WHERE instance = ?",
    "DELETE FROM provenance WHERE instance = ?",
    "DELETE FROM annotations WHERE instance = ?",
)
_INSTANCE = 10  # where its id stands in a message's row
_INSERT_MESSAGE = f"INSERT INTO messages VALUES ({', '.join('?' * 13)})"


def _facts(of: dict[Any, dict[str, Any]]) -> list[Row]:
    return [(key, encode(facts)) for key, facts in of.items()]
