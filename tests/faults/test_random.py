"""A short run of the random harness, with a fixed seed. Longer ones: ``python -m tests.faults``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.run import Options, run

pytestmark = pytest.mark.needs("java")


def test_random_faults_lose_repeat_and_disorder_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    options = Options(seed=20, minutes=0.75, kills=25, broker_faults=3)
    result = run(options, tmp_path, lines.append)
    published = "\n".join(lines)
    assert result.good, f"{published}\n{result.faults}\n{result.short_of}\n{result.verdict}"
    assert result.verdict.starts > 5
