"""Fetch the broker's jars once, with Maven, into the repository's cache directory.

Safe when several test processes ask at once: one fetches under a file lock, the others wait, and
a finished directory appears under its final name in one step. The name holds a digest of
``pom.xml``, so another version of Kafka is fetched anew.

``python -m tests.kafka.jars`` fetches without testing, for example to warm a cache.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache" / "kafka"
MAVEN_TIMEOUT_S = 900


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


def jar_directory() -> Path:
    """Return the directory that holds all jars of the broker, fetching them if need be."""
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    final = CACHE / f"jars-{digest}"
    if final.is_dir():
        return final
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.is_dir():
            _fetch(final)
    return final


def _fetch(final: Path) -> None:
    fresh = final.with_name(f"{final.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)  # left by a process that was killed
    command = [
        *(program("mvn"), "--quiet", "--batch-mode", "--file", os.fspath(POM)),
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={fresh}",
    ]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MAVEN_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0 or not any(fresh.glob("kafka_*.jar")):
        raise HarnessError(f"Maven could not fetch the test broker's jars:\n{done.stdout[-3000:]}")
    fresh.rename(final)


if __name__ == "__main__":
    print(jar_directory())
