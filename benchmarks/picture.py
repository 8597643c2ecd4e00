"""The README's pictures, drawn from the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.results import Section


def write(folder: Path, sections: Mapping[str, Section]) -> None:
    """Write the pictures into a folder."""
