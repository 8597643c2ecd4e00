"""``python -m tests.kafka.prepare``: fetches and makes once what brokers of tests are started with.

That is the jars of all releases and, for the current one, an archive of its classes, as the JVM
has parsed and verified them (https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html):
with it a broker starts with half of the processor time, and a run starts hundreds of them. Without
it they start all the same.
"""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path

from tests.kafka.broker import Broker
from tests.kafka.jars import CACHE, class_archive, jar_directory
from tests.kafka.releases import CURRENT, RELEASES


def main() -> None:
    """Fetch the jars, then make the archive; what is there already stays."""
    for release in RELEASES:
        jar_directory(release)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not class_archive(CURRENT).exists():
            _make(class_archive(CURRENT))


def _make(archive: Path) -> None:
    fresh = archive.with_suffix(".part")
    fresh.unlink(missing_ok=True)  # left by a process that was killed
    with tempfile.TemporaryDirectory() as directory:
        broker = Broker(Path(directory), jvm=(f"-XX:ArchiveClassesAtExit={fresh}",))
        with broker.start():
            broker.create_topic("any")  # so that the classes for it are among them
            broker.stop()
    fresh.rename(archive)


if __name__ == "__main__":
    main()
