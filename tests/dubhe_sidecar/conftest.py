"""Fixtures for the tests of the sidecar."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_sidecar.damaged_spool import Spool
from tests.dubhe_sidecar.helpers import SidecarHarness


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[SidecarHarness]:
    """A folder with a spool and a journal; sidecars started on it end with the test."""
    one = SidecarHarness(tmp_path)
    yield one
    one.close()


@pytest.fixture(scope="session")
def whole() -> Iterator[Spool]:
    """An undamaged spool, in memory: thousands of copies are made of it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Spool(Path(folder) / "whole")


@pytest.fixture
def spool(whole: Spool) -> Iterator[Spool]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield whole.copy(Path(folder) / "spool")
