"""CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

# Spreadsheets in Chinese and Japanese take the wide forms too.
_SIGNS = "=+@\uff1d\uff0b\uff0d\uff20-"
FORMULA = (*_SIGNS, "\t", "\r", "\n")
# Where the list separator is a semicolon, or a tab was chosen, a spreadsheet cuts there too,
# whatever is quoted; and what follows would begin a cell.
_INNER = re.compile(f"([;\t\r\n]\\s*)(?=[{_SIGNS}])")
ROWS = 1000


def safe(text: str) -> str:
    """Return a text as a cell: what would begin a formula gets an apostrophe before it."""
    if text == "-Infinity":
        return text
    text = _INNER.sub(r"\1'", text)
    return "'" + text if text.lstrip(" ").startswith(FORMULA) else text


def csv_lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """Yield a table as CSV (UTF-8 with the mark that spreadsheets look for), in pieces.

    Texts are made safe, those of the head too; numbers are written as they are.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([safe(name) for name in head])
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
