"""The store against a real database."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_simulator.platform.curves import chunk_cache
from dubhe_simulator.platform.curves import store as stores
from dubhe_simulator.platform.curves.points import CHUNK, CHUNK_BYTES
from dubhe_simulator.platform.curves.store import CurveStore
from dubhe_simulator.platform.storage.curve_queries import CurveQueries
from dubhe_simulator.platform.storage.database import Database
from dubhe_simulator.platform.storage.write_batch import WriteBatch

METRICS = ("a", "b", "c")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    yield database
    database.close()


def save(store: CurveStore, database: Database) -> None:
    writes = WriteBatch()
    store.collect(writes)
    with database.transaction() as connection:
        writes.write(connection)
    for confirm in writes.confirm:
        confirm()


def restored(database: Database) -> CurveStore:
    return CurveStore(database, CurveQueries(database))


def filled(database: Database, points: int) -> CurveStore:
    store = CurveStore(database, CurveQueries(database))
    for name in METRICS:
        for step in range(points):
            store.append(1, name, step / 10, step, math.nan if step % 1000 == 7 else float(step))
    save(store, database)
    return store


def test_a_restored_store_shows_what_the_former_one_did(database: Database) -> None:
    store = filled(database, 5 * CHUNK + 3)
    again = restored(database)
    for each in (store, again):  # an axis that goes back is known to the next session, too
        each.append(1, "a", 1.0, 1, -5.0)
        each.append(1, "a", 1.5, 2, -6.0)
    for axis in ("step", "epoch", "time"):
        shown = store.window(1, "a", axis, None, None, 100)  # type: ignore[arg-type]
        assert shown is not None and shown["marks"]
        assert again.window(1, "a", axis, None, None, 100) == shown  # type: ignore[arg-type]
    assert list(map(repr, again.points(1, "a"))) == list(map(repr, store.points(1, "a")))


def test_the_memory_of_looks_is_bounded(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_cache, "MOST", 8)
    monkeypatch.setattr(stores, "LOOKED_AT_NUMBERS", 2000)
    points = 20 * CHUNK
    filled(database, points)
    store = restored(database)
    cached = store._cache._chunks
    for _ in range(2):
        for name in METRICS:
            shown = store.window(1, name, "step", None, None, 50)
            assert shown is not None and max(shown["y"]) == points - 1
            assert len(cached) <= 8
            assert all(len(blob) == CHUNK_BYTES for blob in cached.values())
    with_overview = [name for name in METRICS if store.of(1)[name].sets[""]._overview is not None]
    assert with_overview == ["c"], "of the one that was looked at last"


def test_a_forgotten_run_leaves_nothing(database: Database) -> None:
    store = filled(database, 3 * CHUNK)
    points = store.points(1, "a")
    store.forget(1)
    writes = WriteBatch()
    writes.forget("some instance", [1])
    with database.transaction() as connection:
        writes.write(connection)
    for table in ("curves", "point_sets", "chunks", "overviews"):
        assert database.one(f"SELECT count(*) FROM {table}") == (0,), table
    assert store.window(1, "a", "step", None, None, 100) is None
    assert len(list(points)) < 3 * CHUNK, "an export that is under way ends early"


def test_metrics_are_listed_alike_before_and_after_their_curves_are_read(
    database: Database,
) -> None:
    store = filled(database, 10)
    store.append(2, "b", 0, 0, 5.0)
    store.append(2, "own", 0, 0, math.nan)
    save(store, database)
    again = restored(database)
    for each in (store, again):
        assert each.names() == ["b", "a", "c", "own"]
        assert (each.count(1), each.count(2), each.count(3)) == (3, 2, 0)

    def brief(of: CurveStore) -> list[list[dict[str, object]]]:
        return [of.named(run, names) for run in (1, 2) for names in (None, ["own", "b", "none"])]

    found = brief(again)
    assert found == brief(store)
    assert [view["name"] for view in found[0]] == ["b", "a", "c"]
    assert [(view["name"], view["last"]) for view in found[3]] == [("own", "NaN"), ("b", 5.0)]
    assert again.views(2) == store.views(2)
    assert brief(again) == found
    again.append(2, "b", 0, 0, 7.0)
    assert again.named(2, ["b"])[0]["last"] == 7.0
    again.forget(1)
    assert again.views(1) == again.named(1) == [] and again.count(1) == 0
