"""Whatever arrives, the registry goes on, and the database can hold it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from dubhe_simulator.platform.state.change_feed import ChangeFeed
from dubhe_simulator.platform.state.registry import InstanceRegistry
from dubhe_simulator.platform.state.views import instance_view, run_view
from dubhe_simulator.platform.storage.database import Database
from dubhe_simulator.sources.record import RecordBatch, SourceRecord

TEXT = st.text(st.characters(), max_size=5) | st.just("\ud800")
NUMBER = st.integers(-(2**70), 2**1100) | st.floats() | st.booleans()
LEAF = st.none() | NUMBER | TEXT | st.sampled_from(["NaN", "-Infinity", "START", "END", "READY"])
KEYS = TEXT | st.sampled_from(
    ["progress", "epoch", "loss", "action", "status", "msg", "img_path", "info", "ground_true",
     "predict_code", "conf", "position", "special", "shape_type"]
)  # fmt: skip
DATA = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
INFO = st.fixed_dictionaries(
    {}, optional={"ground_true": LEAF, "predict_code": LEAF, "conf": NUMBER, "position": DATA,
                  "special": DATA, "shape_type": DATA},
)  # fmt: skip
RESULT = st.lists(st.fixed_dictionaries({"img_path": LEAF, "info": st.lists(INFO, max_size=3)}))
ACTION = st.fixed_dictionaries(
    {"action": st.sampled_from(["READY", "START", "END"]), "status": st.sampled_from([200, 300])}
)
VALUE = st.fixed_dictionaries(
    {
        "instance_id": st.sampled_from(["a-b-train-1", "a-b-forecast-1", "odd \ud800", 5]),
        "request_number": LEAF,
        "date": st.integers(-5, 50) | LEAF,
        "mes_type": st.integers(0, 3) | LEAF,
        "data": ACTION | RESULT | st.dictionaries(KEYS, NUMBER) | DATA,
    }
)


@contextmanager
def a_registry() -> Iterator[tuple[InstanceRegistry, Database]]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder))
        try:
            yield InstanceRegistry(database, ChangeFeed(), "now"), database
        finally:
            database.close()


def save(registry: InstanceRegistry, database: Database) -> None:
    writes = registry.collect()
    if writes is not None:
        with database.transaction() as connection:
            writes.write(connection)
        registry.confirm(writes)


def record(value: Any, number: int) -> SourceRecord:
    # Sources decode UTF-8, which holds no half characters; in JSON they come as escapes.
    raw = value if isinstance(value, str) else json.dumps(value)
    text = raw.encode("utf-8", "replace").decode()
    headers = {"dubhe-writer": "w", "dubhe-seq": str(number)}
    return SourceRecord("kafka s/0", "s", 0, number, 1000 + number, headers, text, "a-b-train-1")


def views(registry: InstanceRegistry) -> str:
    shown: list[Any] = [run_view(registry, run) for run in registry.runs]
    shown += [
        instance_view(registry, a, False, None) for _, a in sorted(registry.instances.items())
    ]
    return json.dumps(shown, allow_nan=False)


HALF_A_CHARACTER = "\ud800"


@example(
    [
        {
            "instance_id": "a-b-train-1",
            "request_number": None,
            "date": None,
            "mes_type": HALF_A_CHARACTER,
            "data": [],
        },
        HALF_A_CHARACTER,
    ]
)
@given(st.lists(VALUE | DATA | TEXT.filter(lambda t: "\ud800" not in t), max_size=12))
@settings(deadline=None, max_examples=150)
def test_nothing_that_arrives_stops_it(values: list[Any]) -> None:
    with a_registry() as (registry, database):
        for number, value in enumerate(values):
            registry.apply(RecordBatch("kafka s/0", [record(value, number)], str(number + 1)))
            if number % 3 == 0:
                save(registry, database)
        registry.open_for_waiting()
        save(registry, database)
        seen = views(registry)
        assert database.one("SELECT count(*) FROM messages") == (len(values),)
        assert views(InstanceRegistry(database, ChangeFeed(), "now")) == seen, (
            "as the next start finds it"
        )


def test_deep_nesting_is_broken_and_no_more() -> None:
    deep = "[" * 400 + "]" * 400
    value = '{"instance_id":"a-b-train-1","request_number":1,"date":1,"mes_type":3,"data":%s}'
    with a_registry() as (registry, database):
        for number, text in enumerate((value % deep, value % ("[" * 10**5), deep)):
            registry.apply(RecordBatch("kafka s/0", [record(text, number)], "1"))
        save(registry, database)
        assert registry.instances["a-b-train-1"].reported.malformed == 3


def test_points_survive_any_cut_between_two_saves() -> None:
    """Full chunks, partial chunks, and curves that are in memory or not."""
    with a_registry() as (registry, database):
        said = 0
        for count in (1, 510, 1, 1, 511, 1024, 3):
            records = []
            for _ in range(count):
                value = {
                    "instance_id": "a-b-train-1",
                    "request_number": 1,
                    "date": 1000 + said,
                    "mes_type": 2,
                    "data": {"loss": said, "progress": 0.5},
                }
                records.append(record(value, said))
                said += 1
            registry.apply(RecordBatch("kafka s/0", records, str(said)))
            save(registry, database)
            for each in (registry, InstanceRegistry(database, ChangeFeed(), "now")):
                shown = each.curves.window(1, "loss", "step", None, None, said)
                assert shown is not None
                assert shown["y"] == list(range(said))
                assert [p[3] for p in each.curves.points(1, "loss")] == list(range(said))


def test_the_last_message_is_the_one_that_was_said_last() -> None:
    """Topics are read beside each other, so a result may arrive after END."""
    end = {"action": "END", "status": 200, "msg": "model train end"}
    result = [{"img_path": "1665.png", "info": []}]
    with a_registry() as (registry, _):
        for number, (type_, date, data) in enumerate([(1, 40, end), (3, 30, result)]):
            value = {"instance_id": "a-b-train-1", "mes_type": type_, "date": date, "data": data}
            value["request_number"] = 1
            registry.apply(RecordBatch("kafka s/0", [record(value, number)], str(number + 1)))
        [view] = [instance_view(registry, one, False, None) for one in registry.instances.values()]
    assert "model train end" in json.dumps(view["last"])
