"""Failed tests are run once more, alone: toy tests, run as CI runs ours."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.environ import clean_environ
from tests.support.rerun import RERUN_AT_MOST

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# Only the plugins that are needed: others take longer to load than these tests to run.
ENVIRON = {
    "PYTHONPATH": str(ROOT),
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_PLUGINS": "xdist.plugin,pytest_timeout",
}
PASSES = "def test_good(): pass\n"
FAILS = "def test_bad(): assert 1 == 2\n"
# Fails wherever it is run first, as a test does that another one disturbs.
UNSTEADY = """
from pathlib import Path

def test_now_and_then():
    seen = Path("seen")
    first = not seen.exists()
    seen.touch()
    assert not first
"""
TORN = """
import pytest
from pathlib import Path

@pytest.fixture
def place():
    yield
    assert Path("torn").exists(), Path("torn").touch()

def test_torn(place): pass
"""
SLOW = """
import pytest, time

@pytest.mark.parametrize("tenths", range(12))
def test_takes(tenths): time.sleep(tenths / 100)
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A folder for tests; its own project, so that ours does not apply."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def run(folder: Path, *arguments: str, **files: str) -> tuple[int, str]:
    """Return the exit status and what was printed."""
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(textwrap.dedent(text))
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.rerun", "-n", "2", "--dist", "loadfile", *arguments],
        cwd=folder,
        env=clean_environ(**ENVIRON),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
    )
    return done.returncode, done.stdout


def last_line(output: str) -> str:
    """Return the closing line without what differs from run to run."""
    found = re.fullmatch(r"=+ (.*) in [0-9.]+s =+", output.splitlines()[-1])
    assert found is not None, output
    return found[1]


def section(output: str, title: str) -> list[str]:
    """Return the lines below a title of the closing part."""
    found = re.search(rf"^== {title}.*\n((?:  .*\n)*)", output, re.MULTILINE)
    return found[1].split() if found else []


def test_all_pass(toy: Path) -> None:
    status, output = run(toy, a=PASSES, b=PASSES)
    assert status == 0
    assert last_line(output) == "2 passed"
    assert "once more" not in output


def test_what_passes_alone_is_unsteady_and_the_run_passes(toy: Path) -> None:
    status, output = run(toy, a=PASSES, b=UNSTEADY, c=TORN)
    assert status == 0, output
    assert sorted(section(output, "unsteady")) == [
        "test_b.py::test_now_and_then",
        "test_c.py::test_torn",
    ]
    assert section(output, "failed") == []
    assert last_line(output) == "3 passed, 2 rerun"


def test_what_fails_twice_fails_the_run(toy: Path) -> None:
    status, output = run(toy, a=PASSES, b=UNSTEADY, c=FAILS)
    assert status == 1
    assert section(output, "unsteady") == ["test_b.py::test_now_and_then"]
    assert section(output, "failed twice") == ["test_c.py::test_bad"]
    assert last_line(output) == "1 failed, 2 passed, 2 rerun"
    named = output.index("FAILED test_c.py::test_bad (call)\n")
    assert named < output.index("= FAILURES ="), "at once, not when all have run"


def test_many_failures_are_no_accident(toy: Path) -> None:
    count = RERUN_AT_MOST + 1
    many = f"import pytest\n@pytest.mark.parametrize('n', range({count}))\ndef test_n(n): assert 0"
    status, output = run(toy, a=many)
    assert status == 1
    assert "once more" not in output
    assert last_line(output) == f"{count} failed"


def test_a_module_that_cannot_be_imported_fails_the_run(toy: Path) -> None:
    status, output = run(toy, a=PASSES, b="import nothing_of_that_name\n")
    assert status != 0
    assert "once more" not in output


def test_a_worker_that_dies_is_a_failure(toy: Path) -> None:
    status, output = run(toy, a=PASSES, b="import os\ndef test_dies(): os._exit(3)\n")
    assert status != 0, output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-k", "nothing_of_that_name"], pytest.ExitCode.NO_TESTS_COLLECTED),
        (["--unknown-option"], pytest.ExitCode.USAGE_ERROR),
    ],
)
def test_a_run_without_tests_ends_as_pytest_says(
    toy: Path, arguments: list[str], expected: int
) -> None:
    status, output = run(toy, *arguments, a=PASSES)
    assert status == expected, output


def test_the_ten_slowest_are_listed(toy: Path) -> None:
    status, output = run(toy, a=SLOW)
    assert status == 0
    slowest = re.findall(r"\[(\d+)\]", " ".join(section(output, "the 10 slowest")))
    assert sorted(map(int, slowest)) == list(range(2, 12))
    *_, longest = section(output, "the 1 longest files")
    assert longest.endswith(".py")
    assert last_line(output) == "12 passed"
