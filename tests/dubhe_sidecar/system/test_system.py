"""The setting: off by default, and then nothing of it runs."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sidecar import system
from dubhe_sidecar.system import VARIABLE, read_interval


def test_it_is_off_unless_it_is_set(tmp_path: Path) -> None:
    assert read_interval({}) == read_interval({VARIABLE: "0"}) == 0
    before = threading.active_count()
    system.start(0.0, tmp_path / "system", 1)
    assert threading.active_count() == before
    assert not (tmp_path / "system").exists()


@pytest.mark.parametrize(("text", "seconds"), [("1", 1.0), ("2.5", 2.5), (" 3600 ", 3600.0)])
def test_it_is_in_seconds(text: str, seconds: float) -> None:
    assert read_interval({VARIABLE: text}) == seconds


@pytest.mark.parametrize("text", ["0.5", "-1", "3601", "often"])
def test_what_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(EnvironmentInvalid, match=VARIABLE):
        read_interval({VARIABLE: text})
