"""Fixtures for the tests of faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sidecar.helpers import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A spool on the disk under test, with the journal and the log on a sound one."""
    (tmp_path / "place").mkdir()
    one = Place(tmp_path / "place")
    yield one
    one.close()
