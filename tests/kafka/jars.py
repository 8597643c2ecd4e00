"""Fetch a broker's jars once, with Maven, into the repository's cache directory.

Safe when several test processes ask at once: one fetches under a file lock, the others wait, and
a finished directory appears under its final name in one step. The name holds a digest of
``pom.xml`` and of the release, so each version of Kafka has a directory of its own.

`tests.kafka.prepare` fetches all releases.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.kafka.releases import CURRENT, POM, Release

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache" / "kafka"
MAVEN_TIMEOUT_S = 900
# Comes with an old ZooKeeper; the pom's own binding is the only one that is to be there.
OTHER_LOGGING = "slf4j-log4j12"


class HarnessError(RuntimeError):
    """The test broker cannot be provided. The text says what is missing."""


def program(name: str) -> str:
    """Return the path of a program that the harness needs."""
    found = shutil.which(name)
    if found is None:
        raise HarnessError(
            f"the tests need a real Kafka broker and so the program '{name}' on PATH; it is "
            "absent. On Debian: apt-get install openjdk-17-jre-headless maven"
        )
    return found


def jar_directory(release: Release = CURRENT) -> Path:
    """Return the directory that holds all jars of a broker, fetching them if need be."""
    digest = hashlib.sha256(POM.read_bytes() + repr(release).encode()).hexdigest()[:12]
    final = CACHE / f"jars-{release.kafka}-{digest}"
    if final.is_dir():
        return final
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.is_dir():
            _fetch(release, final)
    return final


def class_archive(release: Release) -> Path:
    """Return where `tests.kafka.prepare` keeps the release's classes for a quick start."""
    jars = jar_directory(release)
    return jars.with_name(f"{jars.name}.jsa")


def _fetch(release: Release, final: Path) -> None:
    fresh = final.with_name(f"{final.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)  # left by a process that was killed
    command = [
        *(program("mvn"), "--quiet", "--batch-mode", "--file", os.fspath(POM)),
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        f"-DexcludeArtifactIds={OTHER_LOGGING}",
        f"-DoutputDirectory={fresh}",
        *(f"-D{name}={value}" for name, value in release.properties.items()),
    ]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MAVEN_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0 or not any(fresh.glob(f"kafka_*-{release.kafka}.jar")):
        raise HarnessError(
            f"Maven could not fetch the jars of Kafka {release.kafka}:\n{done.stdout[-3000:]}"
        )
    fresh.rename(final)
