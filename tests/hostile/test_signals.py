from __future__ import annotations

from pathlib import Path

from tests.hostile.case import Case
from tests.hostile.cases.signals import CASES
from tests.hostile.run import cases, check


@cases(CASES)
def test_signals(case: Case, protocol: str, tmp_path: Path) -> None:
    check(case, protocol, tmp_path)
