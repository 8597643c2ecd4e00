"""Failures of the platform's own threads: shown on the page while they last, and logged once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dubhe_simulator.i18n import translate

LOG = logging.getLogger("dubhe_simulator")


class ThreadFailures:
    """What failed at its last attempt, by the work that it was."""

    def __init__(self) -> None:
        self._current: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def texts(self) -> list[str]:
        """One sentence for each, in the language of who asks."""
        with self._lock:
            current = dict(self._current)
        return [
            translate("ui_thread_failed", work=work, error=error) for work, error in current.items()
        ]

    @contextmanager
    def reported(self, work: str) -> Iterator[None]:
        """Do a piece of work; if it fails, that is reported, and the thread goes on.

        Args:
            work: what is done and of what, for people.
        """
        try:
            yield
        # Whatever it is: one instance's bad folder must not end the thread that all depend on.
        except Exception as error:  # noqa: BLE001
            self.note(work, error)
        else:
            with self._lock:
                self._current.pop(work, None)

    def forget(self, work: str) -> None:
        """There is no such work any more."""
        with self._lock:
            self._current.pop(work, None)

    def note(self, work: str, error: Exception) -> None:
        """Report a failure; the traceback goes to the console, once for each text."""
        text = f"{type(error).__name__}: {error}"
        with self._lock:
            known = self._current.get(work)
            self._current[work] = text
        if known != text:
            LOG.error("%s failed", work, exc_info=error)
