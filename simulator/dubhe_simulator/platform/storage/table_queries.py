"""A run's predictions as rows of a table, for algorithms whose data are not images."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubhe_simulator.platform.storage import result_queries
from dubhe_simulator.platform.storage.database import Database

LOOKED_AT = 200  # predictions at whose `special` is looked for columns
LOOKED_AT_FOR_IMAGES = 50
MOST_COLUMNS = 50
OWN = "special."
"""Before the name of a column that is a key of ``special``."""
COLUMNS = {
    "id": "img_path",
    "truth": "truth",
    "predicted": result_queries.PREDICTED,
    "confidence": "conf",
    "outcome": result_queries.OUTCOME,
}
_SOURCE = "results JOIN predictions ON result = id"
# What Python's JSON takes is not always SQLite's: a number beyond all floats is Infinity.
_OWN_VALUE = "CASE WHEN json_valid(special) THEN json_extract(special, :path) END"


@dataclass(frozen=True)
class TableFilter:
    """Which rows are wanted, and in which order.

    Attributes:
        filter: as for images, but each row is rated by itself.
        search: text that the id, a class or ``special`` contains; upper and lower case are the
            same as far as ASCII goes.
        sort: one of `COLUMNS`, or a key of ``special`` after `OWN`; as they were reported if empty.
        descending: the largest first. What has no value comes last in both directions.
    """

    filter: result_queries.Filter
    search: str = ""
    sort: str = ""
    descending: bool = False


def has_images(database: Database, run: int, suffixes: Container[str]) -> bool:
    """Return whether the first results name images; True without results of the platform's form."""
    sql = "SELECT img_path FROM results WHERE run = ? AND plain IS NULL ORDER BY id LIMIT ?"
    paths = [path for (path,) in database.rows(sql, (run, LOOKED_AT_FOR_IMAGES))]
    return not paths or any(Path(path).suffix.lower() in suffixes for path in paths)


def own_columns(database: Database, run: int) -> list[str]:
    """Return the keys of ``special`` that hold numbers, texts or truth values."""
    sql = f"SELECT special FROM {_SOURCE} WHERE run = ? AND special IS NOT NULL ORDER BY id LIMIT ?"
    names: dict[str, None] = {}
    for (special,) in database.rows(sql, (run, LOOKED_AT)):
        own = json.loads(special)
        if isinstance(own, dict):
            names |= {k: None for k, v in own.items() if not isinstance(v, (list, dict))}
    return list(names)[:MOST_COLUMNS]


def rows(
    database: Database, run: int, labelled: bool, wanted: TableFilter, offset: int, limit: int
) -> tuple[int, list[dict[str, Any]]]:
    """Return how many rows match, and some of them."""
    where, values = _where(run, labelled, wanted)
    (total,) = database.one(f"SELECT count(*) FROM {_SOURCE} WHERE {where}", values)
    sql = f"{_select(where, wanted)} LIMIT :limit OFFSET :offset"
    found = database.rows(sql, {**values, "limit": limit, "offset": offset})
    names = (*COLUMNS, "own")
    items = [dict(zip(names, row, strict=True)) for row in found]
    for item in items:
        item["own"] = _own(item["own"])
    return total, items


def csv_rows(
    database: Database, run: int, labelled: bool, wanted: TableFilter, columns: list[str]
) -> Iterator[list[object]]:
    """Yield all rows that match, with these keys of ``special`` as columns."""
    where, values = _where(run, labelled, wanted)
    for *common, special in database.stream(_select(where, wanted), values):
        own = _own(special)
        yield [*common, *(_cell(own.get(name)) for name in columns)]


def _select(where: str, wanted: TableFilter) -> str:
    order = "id, number"
    if wanted.sort:
        by = _OWN_VALUE if wanted.sort.startswith(OWN) else COLUMNS[wanted.sort]
        way = "DESC" if wanted.descending else "ASC"
        order = f"coalesce({by}, '') = '', {by} {way}, id, number"
    columns = ", ".join(COLUMNS.values())
    return f"SELECT {columns}, special FROM {_SOURCE} WHERE {where} ORDER BY {order}"


def _where(run: int, labelled: bool, wanted: TableFilter) -> tuple[str, dict[str, Any]]:
    conditions = ["run = :run"]
    if wanted.filter.truth is not None:
        conditions.append("truth = :truth")
    if wanted.filter.predicted is not None:
        conditions.append(f"{result_queries.PREDICTED} = :predicted")
    if wanted.filter.outcome != "all":
        conditions.append(f"{result_queries.OUTCOME} = :outcome")
    if wanted.search:
        text = "img_path || char(10) || truth || char(10) || predicted || char(10)"
        conditions.append(f"instr(lower({text} || coalesce(special, '')), lower(:search))")
    values = {
        "run": run,
        "labelled": labelled,
        "confidence": result_queries.threshold(wanted.filter.confidence),
        "truth": wanted.filter.truth,
        "predicted": wanted.filter.predicted,
        "outcome": wanted.filter.outcome,
        "search": wanted.search,
        "path": f"$.{json.dumps(wanted.sort.removeprefix(OWN), ensure_ascii=False)}",
    }
    return " AND ".join(conditions), values


def _own(special: str | None) -> dict[str, Any]:
    own = json.loads(special) if special else None
    return own if isinstance(own, dict) else {} if own is None else {"": own}


def _cell(value: Any) -> object:
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return value
