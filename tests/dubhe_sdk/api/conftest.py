"""The environment of an algorithm, for tests that make task_reports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk.api import task_reports
from dubhe_sdk.api.current_task import set_task
from tests.dubhe_sdk.api.support import TRAIN
from tests.support.environ import clean_environ


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give this process and its children an algorithm's environment."""
    given = {"DUBHE_TEMPORARY": str(tmp_path), "INSTANCE_ID": TRAIN}
    for name in set(os.environ) - set(clean_environ()):
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


@pytest.fixture
def no_task_of_another_test() -> Iterator[None]:
    yield
    set_task(None)
    for reporter in task_reports._reporters.values():
        reporter.writer.close()
    task_reports._reporters.clear()
