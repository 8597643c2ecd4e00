"""Wheels of this checkout, and environments to install them into."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.distributions import build_wheels


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The four wheels, by the distributions' names."""
    return build_wheels(tmp_path_factory.mktemp("wheels"))


class Environment:
    """A virtual environment.

    Args:
        folder: where to make it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.python = folder / "bin" / "python3"

    def install(self, *arguments: str | Path) -> None:
        """Install by the pip of the tests' own environment."""
        pip = [sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-q", *arguments], check=True, timeout=300)

    def run(self, *command: str | Path) -> str:
        """Run a program of it; return what it printed."""
        done = subprocess.run(
            [self.folder / "bin" / command[0], *command[1:]],
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout


def size_of(paths: Sequence[Path]) -> int:
    """Return how many bytes all files at and below some paths have."""
    files = [file for path in paths for file in (path, *path.rglob("*")) if file.is_file()]
    return sum(file.stat().st_size for file in files)
