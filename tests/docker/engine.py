"""The engine that answers, and the command line that builds by BuildKit."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import docker
from docker.errors import DockerException

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache" / "docker"
BUILD_TIMEOUT_S = 900

# The authorities that this host trusts: builds reach package indexes as the host does.
CA_BUNDLE = Path(os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt")


class EngineError(RuntimeError):
    """The engine cannot do what the tests need. The text says what, and what it said."""


def connect() -> docker.DockerClient | None:
    """Return a client of the engine that answers, or None."""
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except DockerException:
        return None
    return client


@functools.cache
def command_line() -> str:
    """Return a ``docker`` that builds by BuildKit; a client without its builder cannot."""
    for candidate in (os.environ.get("DOCKER"), "docker", "/usr/bin/docker"):
        path = shutil.which(candidate) if candidate else None
        if path and "--secret" in _output([path, "build", "--help"]):
            return path
    raise EngineError("no `docker` command here can build by BuildKit: install Debian's docker.io")


def build(
    tag: str,
    context: Path,
    *,
    dockerfile: Path | None = None,
    arguments: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    bundle: Path = CA_BUNDLE,
) -> None:
    """Build an image by BuildKit, with the host's network and authorities."""
    command = [
        *(command_line(), "build", "--progress", "plain", "--network", "host"),
        *("--secret", f"id=ca,src={bundle}", "--tag", tag, *options),
        *(word for pair in (arguments or {}).items() for word in ("--build-arg", "=".join(pair))),
        *(("--file", str(dockerfile)) if dockerfile else ()),
        str(context),
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "DOCKER_BUILDKIT": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise EngineError(f"{' '.join(command)}:\n{done.stdout[-5000:]}")


def _output(command: Sequence[str]) -> str:
    env = {**os.environ, "DOCKER_BUILDKIT": "1"}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False).stdout
