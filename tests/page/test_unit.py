"""The unit tests of the page's sources, which Node runs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.page.npm import install

pytestmark = pytest.mark.needs("npm")


def test_the_sources_pass_their_unit_tests(tmp_path: Path) -> None:
    sources = install(tmp_path / "page")
    done = subprocess.run(["npm", "test"], cwd=sources, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"\bpass (\d+)$", done.stdout, re.MULTILINE)
    assert passed and int(passed[1]) > 0, done.stdout
