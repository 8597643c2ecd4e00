"""A few thousand hostile inputs against a real service, the same in every run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.campaign import SESSIONS, Campaign

INPUTS = 6000
SEED = 20261125


@pytest.mark.parametrize("protocol", sorted(SESSIONS))
def test_no_input_harms_the_service(tmp_path: Path, protocol: str) -> None:
    report = Campaign(protocol, SEED, INPUTS).run(tmp_path / "app")
    assert report.inputs >= INPUTS
    assert report.connections > 100
