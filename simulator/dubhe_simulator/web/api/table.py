"""``/api/table`` and ``/api/table.csv``: predictions as rows, for data that are not images."""

from __future__ import annotations

from collections.abc import Iterator

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.platform.state.records import Run
from dubhe_simulator.platform.storage import csv_export, table_queries
from dubhe_simulator.web.api.params import choice, required, whole
from dubhe_simulator.web.api.resource import Resource, as_download
from dubhe_simulator.web.api.results import MOST, filter_of, run_of


def wanted_by(req: falcon.Request) -> table_queries.TableFilter:
    """Return the query of a request.

    Raises:
        Refused: there is no such column or order.
    """
    sort = req.get_param("sort") or ""
    if sort and sort not in table_queries.COLUMNS and not sort.startswith(table_queries.OWN):
        known = ", ".join((*table_queries.COLUMNS, f"{table_queries.OWN}KEY"))
        raise Refused(f"sort is {sort!r}, expected one of {known}", 400)
    return table_queries.TableFilter(
        filter_of(req),
        search=req.get_param("search") or "",
        sort=sort,
        descending=choice(req, "order", ("ascending", "descending"), "ascending") == "descending",
    )


class TableResource(Resource):
    """GET /api/table."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return rows, and the names of the algorithm's own columns."""
        run, wanted = run_of(self._platform, required(req, "run")), wanted_by(req)
        offset, limit = whole(req, "offset", 0) or 0, whole(req, "limit", 100, 0, MOST) or 0
        database = self._platform.database
        total, items = table_queries.rows(database, run.id, run.labelled, wanted, offset, limit)
        columns = table_queries.own_columns(database, run.id)
        resp.media = {"total": total, "items": items, "columns": columns}


class TableCsvResource(Resource):
    """GET /api/table.csv."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return all rows that match as CSV."""
        run, wanted = run_of(self._platform, required(req, "run")), wanted_by(req)
        as_download(resp, f"results-{run.id}.csv", self._lines(run, wanted))

    def _lines(self, run: Run, wanted: table_queries.TableFilter) -> Iterator[bytes]:
        database = self._platform.database
        columns = table_queries.own_columns(database, run.id)
        rows = table_queries.csv_rows(database, run.id, run.labelled, wanted, columns)
        return csv_export.csv_lines([*table_queries.COLUMNS, *columns], rows)
