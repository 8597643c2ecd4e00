"""Interpreters with training frameworks and this project, made once below ``.cache/``.

A framework is gigabytes, and the project is installed from a checkout. So the frameworks have an
environment of their own in ``.cache/frameworks/``, named by what is in it, which several checkouts
may share by a link. What runs is a small environment of the checkout's, with the project in it,
that looks for everything else in the large one.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import distributions

CACHE = distributions.ROOT / ".cache"
FRAMEWORKS = CACHE / "frameworks"


def python_with(name: str, requirements: Iterable[str], **more: Iterable[str]) -> Path:
    """Return an interpreter; several test processes may ask at the same time.

    Args:
        name: of the environment, e.g. ``torch``.
        requirements: what pip installs, pinned. All their dependencies are installed too.
        more: environments that are looked into after it, each name with its requirements.

    Raises:
        subprocess.CalledProcessError: it cannot be installed.
    """
    sets = {name: requirements, **more}
    packages = [_packages(one, tuple(sets[one])) for one in sets]
    depends = distributions.made_from() + sys.version + "".join(map(str, packages))
    name = "-".join(sets)
    folder = CACHE / f"{name}-venv"
    with _locked(CACHE / f"{name}-venv.lock"):
        stamp = folder / _digest(depends)
        if not stamp.exists():
            _make(folder, distributions.EDITABLE)
            lines = "".join(f"{_site_packages(one)}\n" for one in packages)
            (_site_packages(folder) / "frameworks.pth").write_text(lines)
            stamp.touch()
    return folder / "bin" / "python"


def _packages(name: str, requirements: tuple[str, ...]) -> Path:
    """Return the environment that has the frameworks."""
    FRAMEWORKS.mkdir(parents=True, exist_ok=True)
    folder = FRAMEWORKS.resolve() / f"{name}-{_digest(sys.version + repr(requirements))}"
    with _locked(folder.with_suffix(".lock")):
        stamp = folder / "complete"
        if not stamp.exists():
            _make(folder, requirements)
            stamp.touch()
    return folder


def _make(folder: Path, packages: Iterable[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    # Most modules are never imported; those that are get compiled then.
    quick = ("-q", "--disable-pip-version-check", "--no-compile")
    pip = [folder / "bin" / "pip", "install", *quick]
    subprocess.run([*pip, *packages], check=True)


def _site_packages(folder: Path) -> Path:
    (found,) = folder.glob("lib/python*/site-packages")
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
