from __future__ import annotations

from pathlib import Path

from tests.hostile.case import Case
from tests.hostile.cases.logs import CASES
from tests.hostile.run import cases, check


@cases(CASES)
def test_logs(case: Case, protocol: str, tmp_path: Path) -> None:
    check(case, protocol, tmp_path)
