"""A platform's folder with trainings, an evaluation and an inference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dubhe_simulator.export.stored import fill


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder; it is only read."""
    runs = tmp_path_factory.mktemp("stored") / "runs"
    fill(runs)
    return runs
