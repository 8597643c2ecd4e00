from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_simulator.platform.state.change_feed import ChangeFeed
from dubhe_simulator.platform.state.message_stats import MessageStats
from dubhe_simulator.platform.state.registry import InstanceRegistry
from dubhe_simulator.platform.storage.database import Database
from dubhe_simulator.sources.record import RecordBatch, SourceRecord

NAME = "net-local-train-1"


def progress(writer: str | None, seq: int, place: str = "journal a") -> SourceRecord:
    headers = {"dubhe-writer": writer, "dubhe-seq": str(seq)} if writer else {}
    value = {"instance_id": NAME, "request_number": 1, "date": 0, "mes_type": 2, "data": {}}
    return SourceRecord(place, "t", None, seq, 0, headers, json.dumps(value), NAME)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    yield database
    database.close()


def stats(database: Database, *records: SourceRecord, spooled: int | None = None) -> MessageStats:
    registry = InstanceRegistry(database, ChangeFeed(), "now")
    registry.apply(RecordBatch("journal a", list(records), "1"))
    before = registry.message_stats(NAME, spooled)
    writes = registry.collect()
    assert writes is not None
    with database.transaction() as connection:
        writes.write(connection)
    again = InstanceRegistry(database, ChangeFeed(), "later")
    assert again.message_stats(NAME, spooled) == before, "as the database has it"
    return before


def test_complete(database: Database) -> None:
    s = stats(database, progress("a", 1), progress("b", 1), progress("a", 2))
    assert (s.reported, s.received, s.gaps, s.duplicates, s.complete) == (3, 3, 0, 0, True)
    assert s.by_type == {"progress": 3}


def test_a_gap_and_a_missing_beginning(database: Database) -> None:
    s = stats(database, progress("a", 2), progress("a", 4))
    assert (s.reported, s.received, s.gaps, s.missing, s.complete) == (4, 2, 2, 2, False)


def test_a_repeat(database: Database) -> None:
    s = stats(database, progress("a", 1), progress("a", 2), progress("a", 1))
    assert (s.reported, s.received, s.duplicates, s.missing, s.complete) == (2, 3, 1, 0, False)


def test_the_spool_knows_of_an_end_that_is_missing(database: Database) -> None:
    s = stats(database, progress("a", 1), spooled=3)
    assert (s.reported, s.received, s.gaps, s.missing, s.complete) == (3, 1, 0, 2, False)


def test_without_numbers_nothing_is_proved(database: Database) -> None:
    s = stats(database, progress(None, 0))
    assert (s.reported, s.received, s.unnumbered, s.complete) == (1, 1, 1, True)


def test_what_is_no_message_is_counted_as_another(database: Database) -> None:
    s = stats(database, SourceRecord("journal a", "", None, -1, 0, {}, "rubbish", NAME, "torn"))
    assert (s.by_type, s.received) == ({"other": 1}, 1)


def test_a_writer_counts_for_its_place_alone(database: Database) -> None:
    copied = progress("a", 1, place="journal of a copied folder")
    s = stats(database, progress("a", 1), copied)
    assert (s.reported, s.duplicates) == (2, 0)
