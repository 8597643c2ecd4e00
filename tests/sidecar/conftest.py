"""Fixtures for the tests of the sidecar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sidecar.helpers import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder with a spool and a journal; sidecars started on it end with the test."""
    one = Place(tmp_path)
    yield one
    one.close()
