"""Images that tests share, each made once per engine: another content gets another tag.

``dubhe-test-python`` stands in for the slim Python image: Debian's Python with pip, below
``/usr/local`` as there. ``dubhe-base`` is the project's own, built on it by its own Dockerfile.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from tests.docker import engine

PYTHON_IMAGE = "dubhe-test-python"
BASE_IMAGE = "dubhe-base"
PYTHON_VERSION = "3.11"  # of the stand-in: Debian bookworm's

_SUITE = "bookworm"
_PACKAGES = "python3,python3-venv,ca-certificates"
# As in the slim image: a python3 and a pip of its own, first on PATH, that no packager manages.
_PREPARE = "python3 -m venv /usr/local"
_PATH = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# As docker-compose.yml hands them on; named here, so that both builds share their layers.
_UNSET = ("DEBIAN_MIRROR", "PIP_INDEX_URL", "PIP_TRUSTED_HOST")
_LEFT_OUT = ("./proc/*", "./sys/*", "./var/cache/apt/archives/*.deb", "./var/lib/apt/lists/*")


@contextlib.contextmanager
def making(what: str) -> Iterator[None]:
    """Let one test process at a time make an image; the others then find it made."""
    engine.CACHE.mkdir(parents=True, exist_ok=True)
    with (engine.CACHE / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def exists(client: docker.DockerClient, tag: str) -> bool:
    """Return whether the engine has an image of that name."""
    try:
        client.images.get(tag)
    except ImageNotFound:
        return False
    return True


def python_image(client: docker.DockerClient) -> str:
    """Return the name of the stand-in for the slim Python image; takes a minute the first time."""
    recipe = "|".join((_SUITE, _PACKAGES, _PREPARE, _PATH))
    tag = f"{PYTHON_IMAGE}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    with making("python"):
        if not exists(client, tag):
            with tempfile.TemporaryDirectory(dir=engine.CACHE) as folder:
                _import_debian(Path(folder) / "root", tag)
    return tag


def base_image(client: docker.DockerClient) -> str:
    """Build ``dubhe-base`` from this checkout; quick if nothing changed, by the engine's cache."""
    python = python_image(client)
    with making("base"):
        arguments = {"BASE_IMAGE": python, **dict.fromkeys(_UNSET, "")}
        engine.build(BASE_IMAGE, engine.REPOSITORY, arguments=arguments)
    return BASE_IMAGE


def _import_debian(root: Path, tag: str) -> None:
    try:
        _run("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _SUITE, str(root))
        _run("chroot", str(root), "sh", "-c", _PREPARE)
        archive = root.with_suffix(".tar")
        left_out = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
        _run("tar", "-C", str(root), "-cf", str(archive), *left_out, ".")
        _run(engine.command_line(), "import", "--change", _PATH, str(archive), tag)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _run(*command: str) -> None:
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=engine.BUILD_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise engine.EngineError(f"{' '.join(command)}:\n{done.stdout[-3000:]}")
