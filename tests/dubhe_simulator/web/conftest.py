"""A platform that nobody starts anything on; tests write journals for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dubhe_simulator.ui import Ui


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def ui(tmp_path: Path, pictures: Path) -> Iterator[Ui]:
    with Ui(tmp_path / "runs", "--images", pictures) as running:
        yield running
