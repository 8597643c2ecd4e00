"""The real command as a process, and images that a test leaves nothing of."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
from docker.errors import ImageNotFound

DUBHE = [sys.executable, "-m", "dubhe_sdk.cli.bin.dubhe"]
TIMEOUT_S = 120.0
NOBODY = 65534


def dubhe(
    *arguments: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT_S,
) -> subprocess.CompletedProcess[str]:
    """Run ``dubhe`` to its end; standard error goes where standard output goes."""
    with start(*arguments, cwd=cwd, env=env) as process:
        out, _ = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out)


def start(
    *arguments: object, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start ``dubhe``."""
    return subprocess.Popen(
        [*DUBHE, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextlib.contextmanager
def image_tag(engine: docker.DockerClient, name: str = "") -> Iterator[str]:
    """Yield a name for an image; the image is removed afterwards."""
    tag = name or f"dubhe-test-cli-{uuid.uuid4().hex[:10]}"
    try:
        yield tag
    finally:
        with contextlib.suppress(ImageNotFound):
            engine.images.remove(tag, force=True)


def read_until(process: subprocess.Popen[str], word: str) -> str:
    """Read lines up to the one with a word; return all of them.

    Raises:
        AssertionError: the process ended without it.
    """
    assert process.stdout is not None
    lines = ""
    for line in process.stdout:
        lines += line
        if word in line:
            return lines
    raise AssertionError(f"ended without {word!r}:\n{lines}")


def as_nobody(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a Python script that calls ``become_nobody()``: as root no permission is ever missing.

    Args:
        script: its source.
        folder: which nobody is to find.
    """
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055 if parent == folder else _passable(parent))
    # What is imported later might not be readable for nobody.
    begin = f"""
import os, sys, docker, requests, tarfile, tempfile, encodings.idna
def become_nobody():
    if os.geteuid() == 0:
        os.seteuid({NOBODY})
"""
    return subprocess.run(
        [sys.executable, "-c", begin + script],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def _passable(folder: Path) -> int:
    return folder.stat().st_mode | 0o011
