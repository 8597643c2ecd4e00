"""What is shipped is what the sources give."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.page.npm import SOURCES, install
from tests.page.platform import ROOT

pytestmark = pytest.mark.needs("npm")

PACKAGE = ROOT / "simulator" / "dubhe_simulator"
FOLDERS = ("web/page", "export/report_page")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with their packages as the lock file names them."""
    return install(tmp_path_factory.mktemp("sources") / "page")


def test_a_fresh_build_gives_the_shipped_bytes(sources: Path, tmp_path: Path) -> None:
    command = ["npm", "run", "build", "--", str(tmp_path)]
    subprocess.run(command, cwd=sources, check=True, capture_output=True, timeout=60)
    for folder in FOLDERS:
        built, shipped = tmp_path / folder, PACKAGE / folder
        names = sorted(path.name for path in built.iterdir())
        assert names == sorted(path.name for path in shipped.iterdir())
        for name in names:
            assert (built / name).read_bytes() == (shipped / name).read_bytes(), (
                f"{name} is not what the sources give: run `npm run build` in simulator/page"
            )


def test_the_sources_are_typed(sources: Path) -> None:
    checked = subprocess.run(
        ["npm", "run", "check"], cwd=sources, capture_output=True, text=True, timeout=120
    )
    assert checked.returncode == 0, checked.stdout


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    for name, entry in packages.items():
        assert "resolved" not in entry, name
        assert "integrity" in entry, name


def test_the_chart_library_comes_with_its_licence() -> None:
    for folder in FOLDERS:
        text = (PACKAGE / folder / "licenses.txt").read_text()
        assert "uPlot" in text
        assert "The MIT License" in text
