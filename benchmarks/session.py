"""What the sections of one run share: options, a folder, a broker, progress lines."""

from __future__ import annotations

import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from benchmarks import environments
from benchmarks.environments import NotInstalled
from benchmarks.options import Options
from benchmarks.results import Section
from tests.kafka.broker import Broker

T = TypeVar("T")
INSTANCE = "modelid1-bench-train-1"


class Session:
    """One run of the command. Use it as a context manager: leaving it stops the broker."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.scale = options.scale
        self._start = time.monotonic()
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        self._broker: Broker | None = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def broker(self) -> Broker:
        """The one broker of the run, started when it is first asked for."""
        if self._broker is None:
            self.say("starting the Kafka broker")
            self._broker = self._stack.enter_context(Broker(self.folder / "kafka"))
        return self._broker

    @contextmanager
    def topic(self) -> Iterator[str]:
        """Yield a fresh topic of one partition; it is deleted afterwards, and its disk is free."""
        name = f"bench-{uuid.uuid4().hex[:12]}"
        self.broker.create_topic(name)
        try:
            yield name
        finally:
            self.broker.delete_topic(name)

    def say(self, text: str) -> None:
        """Tell how far the run is, on stderr."""
        minutes, seconds = divmod(int(time.monotonic() - self._start), 60)
        sys.stderr.write(f"[{minutes:2}:{seconds:02}] {text}\n")
        sys.stderr.flush()

    def wanted(self, name: str) -> bool:
        """Return whether ``--peers`` lets this peer take part."""
        return not self.options.peers or name in self.options.peers

    def interpreter(self, name: str, packages: Sequence[str], section: Section) -> Path | None:
        """Return a peer's interpreter; None if it cannot be installed, which the section notes."""
        if name == "ours":
            return environments.ours()
        self.say(f"environment of {name}")
        try:
            python = environments.environment(name, packages)
            section.versions.update(environments.versions(python, packages))
        except NotInstalled as error:
            section.failures[name] = f"not installed: {error}"
            return None
        return python

    def rounds(self, count: int, contestants: Sequence[T], what: str) -> Iterator[tuple[int, T]]:
        """Yield A B C, A B C, … so that what happens to the machine happens to all."""
        for number in range(count):
            if number in (0, count // 2) or count <= 5:
                self.say(f"{what}: round {number + 1} of {count}")
            # A list of its own: one that fails may be taken out of the original meanwhile.
            yield from ((number, contestant) for contestant in list(contestants))


def platform_environ(bootstrap: str, topic: str, folder: Path) -> dict[str, str]:
    """Return the variables with which the platform starts a training instance."""
    return {
        "PLATFORM_TYPE": "1",
        "PORT": "8030",
        "BOOTSTRAP_SERVERS": bootstrap,
        "TOPIC_MODEL_STATUS": topic,
        "TOPIC_MODEL_RESULT": topic,
        "INSTANCE_ID": INSTANCE,
        "DUBHE_TEMPORARY": str(folder),
    }


def failed(section: Section, names: Iterable[str], error: Exception) -> None:
    """Note in a section why contestants are missing from it."""
    for name in names:
        section.failures[name] = str(error)
