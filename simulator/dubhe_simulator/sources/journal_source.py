"""Follows the embedded journals of many instances: all below the runs folder, and attached ones.

An instance's folder lies two levels below the runs folder (``<run>/<kind>``). Journals that
grow are looked at often; those that have been silent for long, seldom.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from dubhe_simulator.contract.json_safe import LARGEST, decode, encode, storable
from dubhe_simulator.sources.base import Put, Source
from dubhe_simulator.sources.journal_lines import JournalLines, Line
from dubhe_simulator.sources.record import RecordBatch, SourceRecord

POLL_INTERVAL_S = 0.05
POLL_IDLE_S = 2.0
# Only folders that others have made: those of our own instances are followed at once. Looking
# through the folders of many runs costs more than reading what is new.
DISCOVER_EVERY_S = 2.0
BATCH = 500
PREFIX = "journal "


class _Journal:
    def __init__(self, folder: Path, positions: Mapping[str, str]) -> None:
        self.folder = folder
        self.source = PREFIX + storable(str(folder / "journal"))
        position = positions.get(self.source)
        file, at = json.loads(position) if position else ("", 0)
        self.lines = JournalLines(folder / "journal", file, at)
        self.next_poll = 0.0
        self.pause = POLL_INTERVAL_S
        self.owner = ""  # whose message was read last


class JournalFollower(Source):
    """A source of records. Its thread ends with `close`.

    Args:
        runs: the runs folder; None to read only the folders that are followed.
        positions: where to read on, by source; from the database.
        put: takes the records.
    """

    def __init__(self, runs: Path | None, positions: Mapping[str, str], put: Put) -> None:
        super().__init__("journal", put, POLL_IDLE_S * 5)
        self._runs = runs
        self._positions = positions
        self._journals: dict[Path, _Journal] = {}
        self._added: list[Path] = []
        self._lock = threading.Lock()

    def follow(self, folder: Path) -> None:
        """Follow an instance's folder, wherever it lies, and look often for a while."""
        with self._lock:
            self._added.append(folder.absolute())
        self._wake.set()

    def _run(self) -> None:
        discover_at = 0.0
        while True:
            self._wake.clear()
            closing, flush = self._end.is_set(), self._flush.pending
            everything = closing or flush > 0
            if time.monotonic() >= discover_at or everything or self._added:
                self._discover()
                discover_at = _next_multiple(DISCOVER_EVERY_S)
            problem = None
            for journal in list(self._journals.values()):
                if time.monotonic() >= journal.next_poll or everything:
                    problem = self._poll(journal) or problem
            self._problem = problem  # no outage: the other files can be read
            self._flush.done(flush)
            if closing:
                return
            due = min([discover_at, *(each.next_poll for each in self._journals.values())])
            self._wake.wait(max(POLL_INTERVAL_S, due - time.monotonic()))

    def _discover(self) -> None:
        with self._lock:
            added, self._added = self._added, []
        for folder in added:
            journal = self._journals.setdefault(folder, _Journal(folder, self._positions))
            journal.next_poll, journal.pause = 0.0, POLL_INTERVAL_S
        for folder in _folders_of_instances(self._runs) if self._runs else ():
            if folder not in self._journals and (folder / "journal").is_dir():
                self._journals[folder] = _Journal(folder, self._positions)

    def _poll(self, journal: _Journal) -> str | None:
        """Read what is new; return what hinders, if anything."""
        found = 0
        records: list[SourceRecord] = []
        try:
            for line in journal.lines.read():
                records.append(_record(journal, line))
                found += 1
                if len(records) == BATCH:
                    self._hand_over(journal, records)
                    records = []
        except OSError as error:
            return str(error)
        finally:
            self._hand_over(journal, records)
        journal.pause = POLL_INTERVAL_S if found else min(POLL_IDLE_S, journal.pause * 1.05)
        journal.next_poll = _next_multiple(journal.pause)
        return None

    def _hand_over(self, journal: _Journal, records: list[SourceRecord]) -> None:
        if records:
            position = json.dumps(journal.lines.position)
            self._put(RecordBatch(journal.source, records, position, str(journal.folder)))


def _next_multiple(seconds: float) -> float:
    """Return the next moment that is a multiple: what is due as often is then due together."""
    now = time.monotonic()
    return now - now % seconds + seconds


def _folders_of_instances(runs: Path) -> list[Path]:
    return [folder for run in _folders(runs) for folder in _folders(run)]


def _folders(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir()]
    except OSError:
        return []  # not there yet, or gone


def _record(journal: _Journal, line: Line) -> SourceRecord:
    try:
        if not line.whole:
            raise ValueError("the file ends within this line although a next file exists")
        raw = decode(line.text.decode())
        if not abs(int(raw["offset"])) < LARGEST > abs(int(raw["timestamp"])):
            raise ValueError("offset or timestamp is out of range")
        record = SourceRecord(
            source=journal.source,
            topic=str(raw["topic"]),
            partition=None,
            offset=int(raw["offset"]),
            timestamp_ms=int(raw["timestamp"]),
            headers={str(name): str(text) for name, text in raw["headers"].items()},
            value=encode(raw["value"]),
            instance=str(raw.get("key") or journal.owner),
        )
    # Whatever the line holds: it is kept as one that is not understood, and the next one is read.
    except Exception as error:  # noqa: BLE001
        return SourceRecord(
            source=journal.source,
            topic="",
            partition=None,
            offset=-1,
            timestamp_ms=0,
            headers={},
            value=line.text.decode("utf-8", "backslashreplace"),
            instance=journal.owner,
            malformed=f"{line.file}, before byte {line.end}: not a record: {error!r}",
        )
    journal.owner = record.instance
    return record
