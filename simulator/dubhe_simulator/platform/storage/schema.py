"""The tables of the platform's file.

``messages`` and ``sends`` hold what was received and sent; ``managed`` what the platform did,
``provenance`` with what the instances ran that it started, ``annotations`` what people noted on
runs. Everything else is derived from these and can be made anew: `DERIVED` says by which rules it
was made, and a file of other rules is derived again.
"""

from __future__ import annotations

FORMAT = "3"  # of the tables that cannot be derived
DERIVED = "8"

KEPT = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS positions (source TEXT PRIMARY KEY, position TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY, source TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER,
  offset INTEGER NOT NULL, timestamp_ms INTEGER NOT NULL, headers TEXT NOT NULL,
  value TEXT NOT NULL, malformed TEXT, repeat INTEGER NOT NULL, instance TEXT NOT NULL,
  hint TEXT NOT NULL,  unreadable INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_of ON messages (instance, id);
CREATE TABLE IF NOT EXISTS managed (instance TEXT PRIMARY KEY, facts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sends (
  id INTEGER PRIMARY KEY, instance TEXT NOT NULL, at_ms INTEGER NOT NULL, body TEXT NOT NULL,
  reply TEXT, error TEXT, ms REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS annotations (
  instance TEXT NOT NULL, number INTEGER NOT NULL, facts TEXT NOT NULL,
  PRIMARY KEY (instance, number)
);
CREATE TABLE IF NOT EXISTS provenance (instance TEXT PRIMARY KEY, facts TEXT NOT NULL);
"""

DERIVED_TABLES = (
    "reported",
    "intervals",
    "runs",
    "curves",
    "point_sets",
    "chunks",
    "overviews",
    "results",
    "predictions",
)

DERIVED_SQL = """
CREATE TABLE IF NOT EXISTS reported (instance TEXT PRIMARY KEY, facts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS intervals (
  instance TEXT NOT NULL, place TEXT NOT NULL, writer TEXT NOT NULL, spans TEXT NOT NULL,
  PRIMARY KEY (instance, place, writer)
);
CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, facts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS curves (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, name TEXT NOT NULL,
  last REAL, low REAL, high REAL);
CREATE INDEX IF NOT EXISTS curves_of ON curves (run, id);
CREATE INDEX IF NOT EXISTS curves_named ON curves (name, id);
CREATE TABLE IF NOT EXISTS point_sets (
  curve INTEGER NOT NULL, kind TEXT NOT NULL, points INTEGER NOT NULL, descends TEXT NOT NULL,
  PRIMARY KEY (curve, kind)
);
CREATE TABLE IF NOT EXISTS chunks (
  curve INTEGER NOT NULL, kind TEXT NOT NULL, number INTEGER NOT NULL, points BLOB NOT NULL,
  PRIMARY KEY (curve, kind, number)
);
CREATE TABLE IF NOT EXISTS overviews (
  curve INTEGER NOT NULL, kind TEXT NOT NULL, number INTEGER NOT NULL, blocks BLOB NOT NULL,
  PRIMARY KEY (curve, kind, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS results (
  id INTEGER PRIMARY KEY, run INTEGER, instance TEXT NOT NULL, at_ms INTEGER NOT NULL,
  img_path TEXT NOT NULL, plain TEXT
);
CREATE INDEX IF NOT EXISTS results_of ON results (run, id);
CREATE TABLE IF NOT EXISTS predictions (
  result INTEGER NOT NULL, number INTEGER NOT NULL, truth TEXT NOT NULL, predicted TEXT NOT NULL,
  conf REAL, shape_type TEXT, position TEXT, special TEXT, PRIMARY KEY (result, number)
) WITHOUT ROWID;
"""
