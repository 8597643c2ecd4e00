"""What the database holds of curves, beside their points: by run, or of all runs at once."""

from __future__ import annotations

from typing import Any

from dubhe_simulator.platform.storage.database import Database


class CurveQueries:
    """Reads the tables ``curves`` and ``point_sets``.

    Args:
        database: the database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def last_id(self) -> int:
        """Return the highest number of a curve, 0 without one."""
        return int(self._database.one("SELECT coalesce(max(id), 0) FROM curves")[0])

    def counts(self) -> dict[int, int]:
        """Return how many curves each run has."""
        return dict(self._database.rows("SELECT run, count(*) FROM curves GROUP BY run"))

    def of_run(self, run: int) -> list[tuple[Any, ...]]:
        """Return ``(id, name, last, low, high)`` of a run's curves in their order."""
        sql = "SELECT id, name, last, low, high FROM curves WHERE run = ? ORDER BY id"
        return self._database.rows(sql, (run,))

    def sets_of_run(self, run: int) -> list[tuple[int, str, int, str]]:
        """Return ``(curve, kind, points, descends)`` of each set of points of a run's curves."""
        sql = """SELECT curve, kind, points, descends FROM curves JOIN point_sets ON curve = id
                 WHERE run = ?"""
        return self._database.rows(sql, (run,))

    def most_shared(self, count: int) -> list[str]:
        """Return the names that most runs have a curve of, at most so many."""
        sql = "SELECT name FROM curves GROUP BY name ORDER BY count(*) DESC, min(id) LIMIT ?"
        return [name for (name,) in self._database.rows(sql, (count,))]

    def summaries(self, name: str) -> list[tuple[Any, ...]]:
        """Return ``(run, last, low, high, points)`` of each run's curve of this name."""
        sql = """SELECT run, last, low, high, sum(points) FROM curves
                 LEFT JOIN point_sets ON curve = id WHERE name = ? GROUP BY id"""
        return self._database.rows(sql, (name,))
