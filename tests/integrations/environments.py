"""Interpreters with training frameworks and this project, made once below ``.cache/``.

A framework is gigabytes, and the project is installed from a checkout. So the frameworks have an
environment of their own in ``.cache/frameworks/``, named by what is in it, which several checkouts
may share by a link. What runs is a small environment of the checkout's, with the project in it,
that looks for everything else in the large one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import distributions

CACHE = distributions.ROOT / ".cache"
FRAMEWORKS = CACHE / "frameworks"
_UV_VARIABLES = {  # by the names of pip's settings
    "cert": "SSL_CERT_FILE",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
}


def python_with(name: str, requirements: Iterable[str], **more: Iterable[str]) -> Path:
    """Return an interpreter; several test processes may ask at the same time.

    Args:
        name: of the environment, e.g. ``torch``.
        requirements: what is installed, pinned. All their dependencies are installed too.
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


def packages_with(name: str, requirements: Iterable[str]) -> Path:
    """Return the folder that an interpreter of this version finds the frameworks' packages in.

    Args:
        name: of the environment.
        requirements: as those of `python_with`.

    Raises:
        subprocess.CalledProcessError: they cannot be installed.
    """
    return _site_packages(_packages(name, tuple(requirements)))


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
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    # In a third of pip's time. What it has fetched and what it installs are the same files.
    uv = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", folder / "bin" / "python"]
    # uv takes a build from its cache as long as pyproject.toml stays, whatever the version is.
    own = [word for name in distributions.FOLDERS for word in ("--refresh-package", name)]
    subprocess.run([*uv, *own, *packages], check=True, env=_uv_environ())


def _uv_environ() -> dict[str, str]:
    """Return an environment in which uv fetches from where pip would: it knows no `pip.conf`."""
    listing = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
    environ = {**os.environ, "UV_CACHE_DIR": str(FRAMEWORKS.resolve() / "uv")}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        variable = _UV_VARIABLES.get(name.rpartition(".")[2])
        if variable is not None:
            environ.setdefault(variable, " ".join(value.strip("'\"").split()))
    return environ


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
