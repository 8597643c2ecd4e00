"""CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r")
ROWS = 1000


def safe(text: str) -> str:
    """Return a text as a cell: what would begin a formula gets an apostrophe before it."""
    return "'" + text if text.startswith(FORMULA) and text != "-Infinity" else text


def lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Yield a table as CSV (UTF-8 with the mark that spreadsheets look for), in pieces.

    Texts are made safe, numbers are written as they are.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    pending = 0
    yield b"\xef\xbb\xbf"
    for row in rows:
        writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in row])
        pending += 1
        if pending == ROWS:
            yield out.getvalue().encode("utf-8", "replace")
            out.seek(0)
            out.truncate()
            pending = 0
    yield out.getvalue().encode("utf-8", "replace")
