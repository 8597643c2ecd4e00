"""Which tests ``--fast`` runs, and in which order files are handed out: toy tests, our plugins."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.environ import clean_environ

ROOT = Path(__file__).parents[2]
ENVIRON = {
    "PYTHONPATH": str(ROOT),
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_PLUGINS": "xdist.plugin,tests.support.selection,tests.support.order",
}
FIXTURES = """
import pytest
@pytest.fixture(scope="session")
def kafka(): return 1
@pytest.fixture
def topic(kafka): return 2
@pytest.fixture
def docker_engine(): return 3
@pytest.fixture
def kubernetes_cluster(): return 4
"""
TESTS = """
import pytest
def test_plain(): pass
def test_broker(kafka): pass
def test_broker_by_way_of_another(topic): pass
@pytest.mark.needs("root")
def test_root(): pass
@pytest.mark.slow
def test_slow(): pass
"""
WHOLE = """
import pytest
from tests.dubhe_simulator.ui import Ui
def test_page(): pass
@pytest.mark.smoke
def test_one_page(): pass
@pytest.mark.slow
@pytest.mark.smoke
def test_slow_page(): pass
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A folder for tests; its own project, so that ours does not apply."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    (tmp_path / "conftest.py").write_text(FIXTURES)
    return tmp_path


def run(folder: Path, *arguments: str, **files: str) -> str:
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(textwrap.dedent(text))
    command = [sys.executable, "-m", "pytest", "-v", *arguments]
    return subprocess.run(
        command, cwd=folder, env=clean_environ(**ENVIRON), stdout=-1, text=True, timeout=100
    ).stdout


def test_fast_is_what_needs_nothing_and_does_not_start_the_whole(toy: Path) -> None:
    output = run(toy, "--fast", a=TESTS, b=WHOLE)
    assert re.findall(r"::(\w+) PASSED", output) == ["test_plain", "test_one_page"]
    assert "2 passed, 6 deselected" in output
    assert "8 passed" in run(toy)


def test_fast_refuses_programs_that_not_every_machine_has(toy: Path) -> None:
    starts = "import subprocess\ndef test_it(): subprocess.run(['{}', '--version'])\n"
    output = run(toy, "--fast", a=starts.format("valgrind"), b=starts.format(sys.executable))
    assert "1 failed, 1 passed" in output
    assert "@pytest.mark.needs('valgrind')" in output


def test_long_files_are_handed_out_first(toy: Path) -> None:
    many = "import pytest\n@pytest.mark.parametrize('n', range(20))\ndef test_many(n): pass\n"
    engine = "def test_engine(docker_engine): pass\n"
    broker = "def test_broker(kafka): pass\n"
    output = run(toy, "-n", "1", "--dist", "loadfile", a=many, b=broker, c=engine)
    assert re.findall(r"PASSED (test_\w)", output)[:3] == ["test_c", "test_b", "test_a"]


def test_what_needs_the_cluster_is_handed_out_last(toy: Path) -> None:
    cluster = "def test_pod(kubernetes_cluster, docker_engine): pass\n"
    plain = "def test_plain(): pass\n"
    output = run(toy, "-n", "1", "--dist", "loadfile", a=cluster, b=plain)
    assert re.findall(r"PASSED (test_\w)", output) == ["test_b", "test_a"]
