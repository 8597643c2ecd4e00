"""What is kept of one run, in the order in which it is written elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubhe_sdk.version import __version__
from dubhe_simulator.platform.curves.curve import number_or_name
from dubhe_simulator.platform.curves.points import Point
from dubhe_simulator.platform.state.records import Run
from dubhe_simulator.platform.state.registry import InstanceRegistry
from dubhe_simulator.platform.state.views import request_of, run_view
from dubhe_simulator.platform.storage import result_queries
from dubhe_simulator.platform.storage.database import Database
from dubhe_simulator.sources.record import InvalidRecord, SourceRecord, read, reported_at

METRIC_COLUMNS = ("instance", "run", "metric", "step", "epoch", "time_ms", "value")
RESULT_COLUMNS = ("instance", "run", "img_path", "prediction", "truth", "predicted", "conf",
                  "outcome", "shape_type", "position", "special")  # fmt: skip


@dataclass(frozen=True)
class RunData:
    """One run and where its parts are.

    Attributes:
        registry: what the platform knows.
        database: its file.
        run: the run.
    """

    registry: InstanceRegistry
    database: Database
    run: Run

    @property
    def name(self) -> str:
        """A file name for it: its instance and which of the instance's runs it is."""
        kept = (c if c.isalnum() or c in "-_." else "_" for c in self.run.instance)
        return f"{''.join(kept).lstrip('.') or 'run'}-{self.run.number}"

    def facts(self) -> dict[str, Any]:
        """Return everything about it but points, results and messages, as JSON can hold it."""
        with self.registry.lock:
            view = run_view(self.registry, self.run)
            request = request_of(self.registry, self.run)
        sql = "SELECT at_ms, body, reply, error, ms FROM sends WHERE id = ?"
        sends = self.database.rows(sql, (request,)) if request is not None else []
        kept = "SELECT facts FROM provenance WHERE instance = ?"
        provenance = self.database.rows(kept, (self.run.instance,))
        return {
            "dubhe": __version__,
            "run": view,
            "request": _request(*sends[0]) if sends else None,
            "inference": self.run.send is not None,
            "provenance": json.loads(provenance[0][0]) if provenance else None,
        }

    def metrics(self) -> list[str]:
        """Return the names of its curves, in the order in which they were reported first."""
        with self.registry.lock:
            return list(self.registry.curves.of(self.run.id))

    def points(self, metric: str) -> Iterator[Point]:
        """Yield step, epoch, time in ms since 1970, and value of all points of a curve."""
        with self.registry.lock:
            found = self.registry.curves.points(self.run.id, metric)
        yield from found

    def metric_rows(self, only: str | None = None) -> Iterator[tuple[object, ...]]:
        """Yield all points of all curves, or of one, as `METRIC_COLUMNS`."""
        for metric in self.metrics():
            if only not in (None, metric):
                continue
            for step, epoch, time, value in self.points(metric):
                shown = number_or_name(value)
                yield self.run.instance, self.run.number, metric, step, epoch, time, shown

    def result_rows(self) -> Iterator[tuple[object, ...]]:
        """Yield all predictions as `RESULT_COLUMNS`."""
        run = self.run
        for row in result_queries.all_predictions(self.database, run.id, run.labelled):
            yield (run.instance, run.number, *row)

    def messages(self) -> Iterator[SourceRecord]:
        """Yield the messages that belong to it: of its instance, and reported while it ran."""
        if self.run.send is not None:
            return  # an inference is its request and the reply
        end = self.run.ended_ms
        columns = "source, topic, partition, offset, timestamp_ms, headers, value"
        sql = f"SELECT {columns} FROM messages WHERE instance = ? AND NOT repeat ORDER BY id"
        for row in self.database.stream(sql, (self.run.instance,)):
            source, topic, partition, offset, timestamp, headers, value = row
            record = SourceRecord(
                source, topic, partition, offset, timestamp, json.loads(headers), value
            )
            try:
                at = reported_at(read(record))
            except InvalidRecord:
                continue  # it belongs to no run
            if at >= self.run.started_ms and (end is None or at <= end):
                yield record

    def log(self) -> Path | None:
        """Return the log of its instance; None if it cannot be read."""
        folder = self.registry.record(self.run.instance).managed.folder
        path = None if folder is None else Path(folder) / "log" / "dubhe.log"
        return path if path is not None and path.is_file() else None

    def image_paths(self) -> Iterator[str]:
        """Yield the paths of its images as the algorithm reported them, each once."""
        sql = "SELECT DISTINCT img_path FROM results WHERE run = ? AND img_path != ''"
        return (path for (path,) in self.database.stream(sql, (self.run.id,)))


def _request(at_ms: int, body: str, reply: str | None, error: str | None, ms: float) -> Any:
    found = None if reply is None else json.loads(reply)
    return {"at_ms": at_ms, "body": json.loads(body), "reply": found, "error": error, "ms": ms}
