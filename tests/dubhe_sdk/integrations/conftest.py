"""A context whose reports can be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk import Context
from dubhe_sdk.api import stopping
from tests.dubhe_sdk.api.conftest import env, no_task_of_another_test  # noqa: F401 - fixtures
from tests.dubhe_sdk.api.support import data_of


@pytest.fixture(autouse=True)
def _no_stop_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "_asked", False)


@pytest.fixture
def ctx(env: dict[str, str], no_task_of_another_test: None) -> Context:  # noqa: F811
    return Context({})


@pytest.fixture
def reported(tmp_path: Path) -> Callable[[], list[Any]]:
    """Return what reads ``data`` of all messages so far."""
    return lambda: data_of(tmp_path) if (tmp_path / "spool").exists() else []
