"""What a container writes, shown line by line while it runs and kept in a file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dubhe_simulator.errors import Stopped

if TYPE_CHECKING:
    from docker.models.containers import Container

    from dubhe_simulator.terminal.screen import Screen


class LogFollower:
    """Copies a container's output to a screen and a file, from a thread of its own.

    Args:
        container: a started one.
        screen: where to show it; others write there only through `write_line`.
        console: the file.
    """

    def __init__(self, container: Container, screen: Screen, console: Path) -> None:
        self._container = container
        self._screen = screen
        self._console = console
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self.reader_gone = threading.Event()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def write_line(self, text: str) -> None:
        """Write a line between those of the container."""
        with self._lock:
            self._screen.line(text)

    def wait(self, text: str) -> None:
        """Show what is waited for, on a terminal's last line."""
        with self._lock:
            self._screen.bottom(text)

    def finish(self, seconds: float) -> None:
        """Wait until everything of an ended container has been shown, but not for ever."""
        self._thread.join(seconds)

    def _run(self) -> None:
        for line in copy_output(self._container, self._console):
            self._show(line)

    def _show(self, line: bytes) -> None:
        if self.reader_gone.is_set():
            return
        try:
            self.write_line(line.decode("utf-8", "replace").rstrip("\r"))
        except Stopped:  # the reader of our output has seen enough; the main thread stops
            self.reader_gone.set()


def copy_output(container: Container, console: Path) -> Iterator[bytes]:
    """Copy a container's output to a file until it ends; yield its lines on the way.

    Args:
        container: a started one.
        console: the file; what it contains is kept.
    """
    from docker.errors import APIError, NotFound

    rest = b""
    try:
        with console.open("ab") as file:
            for chunk in container.logs(stream=True, follow=True):
                file.write(chunk)
                file.flush()
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines
    except (APIError, NotFound, OSError) as error:
        yield f"! {error}".encode()
    if rest:
        yield rest
