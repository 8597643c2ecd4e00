"""The page's sources with their npm packages, in a folder of the tests' own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.page.platform import ROOT

SOURCES = ROOT / "simulator" / "page"


def install(folder: Path) -> Path:
    """Copy the sources and fetch the packages that the lock file names."""
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "ci", "--prefer-offline"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=240)
    return folder
