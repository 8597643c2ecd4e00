"""The platform's file: SQLite with a write-ahead log.

One thread writes (the ingest thread); every reading thread has a connection of its own, which
sees what was committed.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dubhe_simulator.errors import CannotStart, FolderInUse
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.storage import schema

FILE_NAME = "platform.sqlite"
LOCK_NAME = "platform.lock"
Values = Sequence[Any] | Mapping[str, Any]

BUSY_S = 10.0
READ_ROWS = 2000


class Database:
    """Opens the file in a folder, or makes it.

    Args:
        folder: the runs folder.

    Raises:
        CannotStart: it cannot be opened, is used by another platform, or is of a newer format.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._local = threading.local()
        self._lock = _take(folder)
        try:
            self._writer = sqlite3.connect(
                self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._writer.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file only
            self._writer.execute("PRAGMA journal_mode = WAL")
            self._writer.execute("PRAGMA synchronous = NORMAL")
            self._writer.executescript(schema.KEPT)
            self.fresh = self._prepare()
        except sqlite3.Error as error:
            raise CannotStart(
                translate("ui_store_unusable", path=self.path, error=error)
            ) from error

    def _prepare(self) -> bool:
        """Make the derived tables; return whether they have to be filled again."""
        meta = dict(self._writer.execute("SELECT key, value FROM meta"))
        if meta.get("format", schema.FORMAT) != schema.FORMAT:
            found = meta["format"]
            raise CannotStart(translate("ui_store_format", path=self.path, found=found))
        outdated = meta.get("derived") != schema.DERIVED
        with self.transaction() as write:
            if outdated:
                for table in schema.DERIVED_TABLES:
                    write.execute(f"DROP TABLE IF EXISTS {table}")
            for statement in filter(str.strip, schema.DERIVED_SQL.split(";")):
                write.execute(statement)
            write.execute(
                "INSERT OR IGNORE INTO meta VALUES ('secret', ?)", (secrets.token_hex(32),)
            )
            write.execute("INSERT OR REPLACE INTO meta VALUES ('format', ?)", (schema.FORMAT,))
        return outdated

    def mark_derived(self) -> None:
        """The derived tables are complete by the present rules."""
        with self.transaction() as write:
            write.execute("INSERT OR REPLACE INTO meta VALUES ('derived', ?)", (schema.DERIVED,))

    def shrink(self) -> None:
        """Give the room of what was deleted back to the disk. The writing thread only."""
        self._writer.execute("PRAGMA incremental_vacuum").fetchall()

    @property
    def secret(self) -> bytes:
        """A random key of this file's own."""
        return bytes.fromhex(self.one("SELECT value FROM meta WHERE key = 'secret'")[0])

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write everything in the block, or nothing of it. The writing thread only.

        Raises:
            sqlite3.Error: the disk does not take it.
        """
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
        except BaseException:
            self._writer.execute("ROLLBACK")
            raise
        self._writer.execute("COMMIT")

    def rows(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        return self._reader().execute(sql, values).fetchall()

    def one(self, sql: str, values: Values = ()) -> tuple[Any, ...]:
        """Return the only row of a query."""
        row: tuple[Any, ...] = self._reader().execute(sql, values).fetchone()
        return row

    def stream(self, sql: str, values: Values = ()) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query, of which there may be many, as of this moment."""
        connection = self._connect()
        try:
            cursor = connection.execute(sql, values)
            while rows := cursor.fetchmany(READ_ROWS):
                yield from rows
        finally:
            connection.close()

    def facts(self, table: str, key: str) -> list[tuple[Any, dict[str, Any]]]:
        """Return keys and facts of one of the tables that hold facts as JSON."""
        found = self.rows(f"SELECT {key}, facts FROM {table} ORDER BY rowid")
        return [(name, json.loads(facts)) for name, facts in found]

    def chunks(self, curve: int, kind: str, first: int, count: int) -> list[tuple[int, bytes]]:
        """Return neighbouring chunks of a curve's points with their numbers."""
        where = "curve = ? AND kind = ? AND number BETWEEN ? AND ? ORDER BY number"
        sql = f"SELECT number, points FROM chunks WHERE {where}"
        return self.rows(sql, (curve, kind, first, first + count - 1))

    def overviews(self, curve: int, kind: str, count: int) -> Iterable[bytes]:
        """Yield the overviews of the first chunks of a curve's points."""
        where = "curve = ? AND kind = ? AND number < ? ORDER BY number"
        sql = f"SELECT blocks FROM overviews WHERE {where}"
        return (row[0] for row in self._reader().execute(sql, (curve, kind, count)))

    def close(self) -> None:
        """Close the writing connection; another platform may use the file from now on."""
        self._writer.close()
        os.close(self._lock)

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{_quoted(self.path)}?mode=ro", uri=True, timeout=BUSY_S, isolation_level=None
        )
        connection.execute("PRAGMA cache_size = -2000")
        return connection


class StoredRuns(Database):
    """The file as it is at this moment, to read only; a platform may be using it.

    Args:
        folder: the runs folder.

    Raises:
        CannotStart: there is none, or it is of another version, or cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self._local = threading.local()
        self.fresh = False
        if not self.path.is_file():
            raise CannotStart(translate("export_no_store", path=self.path))
        try:
            # What follows is seen as of now, whatever the platform writes meanwhile.
            self._reader().execute("BEGIN")
            meta = dict(self.rows("SELECT key, value FROM meta"))
        except sqlite3.Error as error:
            raise CannotStart(
                translate("ui_store_unusable", path=self.path, error=error)
            ) from error
        if (meta.get("format"), meta.get("derived")) != (schema.FORMAT, schema.DERIVED):
            raise CannotStart(translate("export_other_version", path=self.path))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Nothing is written.

        Raises:
            sqlite3.Error: always.
        """
        raise sqlite3.OperationalError(f"{self.path} was opened to read")
        yield

    def close(self) -> None:
        """Let go of the file."""
        self._reader().close()


def _take(folder: Path) -> int:
    """Lock a folder for this process; the kernel drops the lock at its death.

    Raises:
        FolderInUse: another platform has it.
    """
    lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise FolderInUse(translate("ui_store_taken", folder=folder)) from None
    return lock


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
