"""A short run of the random harness, with a fixed seed. Longer ones: ``python -m tests.faults``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.run import Options, run

pytestmark = pytest.mark.needs("java")


def test_random_faults_lose_repeat_and_disorder_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    options = Options(seed=20, minutes=0.75, kills=25, broker_faults=3)
    outcome = run(options, tmp_path, lines.append)
    told = "\n".join(lines)
    assert outcome.good, f"{told}\n{outcome.faults}\n{outcome.short_of}\n{outcome.verdict}"
    assert outcome.verdict.starts > 5
