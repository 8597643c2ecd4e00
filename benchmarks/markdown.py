"""RESULTS.md, and the same tables for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from benchmarks import options, targets
from benchmarks.environments import ROOT
from benchmarks.results import Section, Table

_HEAD = """\
# Results

Written by `python -m benchmarks`; do not edit. Ratios are taken within one run and count; absolute
times belong to the machine. How each is measured stands above its tables; the sources are beside
this file. `python -m benchmarks --help` tells the rest. Why some targets are not met, with
profiles: [docs/en/performance.md](../docs/en/performance.md).
"""


def document(sections: Mapping[str, Section]) -> str:
    """Return the whole of RESULTS.md."""
    present = [sections[name] for name in options.SECTIONS if name in sections]
    parts = [_HEAD, _table(targets.table(sections)), _table(_runs(present))]
    for section in present:
        parts.append(f"## {section.title}\n\n{section.method}\n")
        parts += [_table(table) for table in section.tables]
        parts += [_table(extra) for extra in _failures(section)]
        if section.versions:
            named = ", ".join(f"{name} {v}" for name, v in sorted(section.versions.items()))
            parts.append(f"Versions: {named}.\n")
    return "\n".join(parts)


def plain(table: Table) -> str:
    """Return a table for a terminal."""
    lines = _aligned(table)
    return "\n".join(["", table.title, *(f"  {line}" for line in lines), *table.notes, ""])


def _failures(section: Section) -> list[Table]:
    if not section.failures:
        return []
    rows = [
        [name, " ".join(why.replace(str(ROOT), ".").split())]
        for name, why in sorted(section.failures.items())
    ]
    return [Table("What is missing, and why", ["", "reason"], rows)]


def _runs(present: Sequence[Section]) -> Table:
    table = Table(
        "Runs",
        ["section", "date", "commit", "command", "machine", "spin loop, p10–p90", "stolen", "took"],
        notes=[
            "The spin loop is a fixed piece of computation, repeated before and after the section: "
            "on a quiet machine it takes equally long each time. Where it differs by more than "
            "half its time, other work kept the machine busy, and only ratios count. Stolen is "
            "the processor time that a hypervisor gave to others."
        ],
    )
    for section in present:
        run = section.run
        machine = f"{run['processor']}, {run['cores']} cores, {run['memory_gib']} GiB; "
        table.rows.append(
            [
                section.name,
                run["date"],
                run["commit"],
                f"`{run['command']}`",
                f"{machine}{run['system']}; {run['python']}",
                f"{run['spin_spread_percent']} % of {run['spin_median_ms']} ms",
                f"{run['steal_percent']} %",
                f"{run['seconds']} s",
            ]
        )
    return table


def _table(table: Table) -> str:
    width = len(table.columns)
    rows = [table.columns, ["---"] + ["---:"] * (width - 1), *table.rows]
    if all(not _numeric(cell) for row in table.rows for cell in row[1:]):
        rows[1] = ["---"] * width
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    notes = [line for note in table.notes for line in ("", note)]
    return "\n".join([f"### {table.title}", "", *lines, *notes, ""])


def _aligned(table: Table) -> list[str]:
    rows = [table.columns, *table.rows]
    widths = [max(_width(row[at]) for row in rows) for at in range(len(table.columns))]
    return ["  ".join(_pad(row[at], widths[at], at > 0) for at in range(len(row))) for row in rows]


def _pad(cell: str, width: int, to_the_right: bool) -> str:
    gap = " " * (width - _width(cell))
    return gap + cell if to_the_right and _numeric(cell) else cell + gap


def _numeric(cell: str) -> bool:
    return cell[:1].isdigit() or cell[:1] in "–-−"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
