"""No cell begins a formula, whatever separates cells where the table is opened."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubhe_simulator.platform.storage.csv_export import csv_lines, safe

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
TEXTS = st.text(alphabet=f"{SIGNS}a1;,\t\r\n\" '", max_size=12)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@given(cells=st.lists(TEXTS, min_size=1, max_size=4))
def test_no_text_begins_a_cell_by_a_sign(separator: str, cells: list[str]) -> None:
    table = b"".join(csv_lines([], [cells])).decode("utf-8-sig")
    if separator == ",":
        [head, row] = csv.reader(io.StringIO(table, newline=""))
        assert head == [] and len(row) == len(cells)
        found = row
    else:  # cut at every separator, as if nothing were quoted: the worst of readers
        found = [piece for cell in cells for piece in safe(cell).split(separator)]
    assert not [cell for cell in found if cell.strip(" ").startswith(tuple(SIGNS))], found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a-b=c", "a-b=c"),
        ("=1", "'=1"),
        ("\n=1", "'\n'=1"),
        ("a;=1", "a;'=1"),
        ("a; -1", "a; '-1"),
        ("\uff1d1", "'\uff1d1"),
        ("-Infinity", "-Infinity"),
    ],
)
def test_cells(text: str, expected: str) -> None:
    assert safe(text) == expected


def test_numbers_stay_numbers() -> None:
    [_, row] = csv.reader(
        io.StringIO(b"".join(csv_lines(["x"], [[-1.5, None]])).decode("utf-8-sig"))
    )
    assert row == ["-1.5", ""]
