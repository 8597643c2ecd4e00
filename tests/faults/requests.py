"""Asks a service for one training after another, as the platform would, whatever happens to it."""

from __future__ import annotations

import threading

from tests.faults.container import Container

_PAUSE_SECONDS = 0.25


class Requests:
    """A thread that asks. Use as a context manager.

    Args:
        container: a service.
        count: messages of each process of a training.
        pace: seconds between two of them.
    """

    def __init__(self, container: Container, count: int, pace: float) -> None:
        self.accepted = 0
        """Trainings that the service reported it had started."""
        self.asked = 0
        self.errors = 0
        """Requests whose reply was lost."""
        self.container = container.name
        self._app = container.app
        self._task = f"{count}:{pace:g}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"requests to {container.name}")

    def __enter__(self) -> Requests:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_PAUSE_SECONDS):
            # Another name each time: the same request again would be acknowledged again.
            self.asked += 1
            try:
                reply = self._app.train(algorithm_id=f"{self.asked}:{self._task}")
                self.accepted += reply["flag"] == 1
            except (OSError, ValueError):  # it is not there, or died under the request
                self.errors += 1
