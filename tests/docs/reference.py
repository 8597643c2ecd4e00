"""What the tests read from the reference: its tables, and the sections of the page of commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.docs.markdown import ROOT, prose

CODE = re.compile(r"`([^`]+)`")
_SECTION = re.compile(r"^### `dubhe (?P<command>[a-z]+)`\n(?P<body>.*?)(?=^##|\Z)", re.M | re.S)


def page(language: str, name: str) -> str:
    return (ROOT / "docs" / language / f"{name}.md").read_text("utf-8")


@dataclass(frozen=True)
class Table:
    """A Markdown table: cells without surrounding blanks."""

    head: list[str]
    rows: list[list[str]]


def tables(text: str) -> list[Table]:
    found: list[Table] = []
    lines: list[list[str]] = []
    for line in [*prose(text).splitlines(), ""]:
        if line.startswith("|"):
            lines.append([cell.strip() for cell in line.strip("|").split("|")])
        elif lines:
            found.append(Table(lines[0], lines[2:]))
            lines = []
    return found


def rows(text: str) -> list[list[str]]:
    """The rows of all tables."""
    return [row for table in tables(text) for row in table.rows]


def commands(language: str) -> dict[str, str]:
    """Command → its section."""
    text = page(language, "reference/commands")
    return {found["command"]: found["body"] for found in _SECTION.finditer(text)}


def source_files() -> list[Path]:
    folders = ("dubhe_sdk", "sidecar/dubhe_sidecar", "simulator/dubhe_simulator")
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
