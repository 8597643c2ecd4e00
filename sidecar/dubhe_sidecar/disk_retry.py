"""`Patience`: tries again and again what the disk refuses at present, and says so.

A disk that is full, over its quota or read-only is nobody's fault here and may be cured at any
time. To end and be started again would cure nothing, cost a search for what had arrived each time,
and tell nobody why. All other errors are raised as they are: the sidecar is crash-only.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from dubhe_sdk.spool import disk_reserve

_WAITABLE = frozenset({*disk_reserve.DISK_FULL, errno.EROFS, errno.EFBIG})
_PAUSES_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
_SAY_AGAIN_SECONDS = 60.0

log = logging.getLogger("dubhe_sidecar")


class Patience:
    """Guards one kind of writing.

    Args:
        what: names it, as in "the cursor cannot be written".
        meanwhile: what follows from that, for people.
        ballast_in: the spool whose ballast may be used for it, or None.
    """

    def __init__(self, what: str, meanwhile: str, ballast_in: Path | None = None) -> None:
        self._what = what
        self._meanwhile = meanwhile
        self._ballast_in = ballast_in
        self._failures = 0
        self._said_at = 0.0
        self.again_at = 0.0
        """When it is tried again, in seconds of `time.monotonic`; 0 while all is well."""
        self.trouble: str | None = None
        """What is refused and why, in words; None while all is well. For any thread."""
        self.retries = 0
        """How often it was tried in vain."""

    def attempt(self, action: Callable[[], None], wait_seconds: float = 0.0) -> bool:
        """Do it, unless it was tried a moment ago. Return whether it was done.

        Args:
            action: may raise `OSError`; is done again from the begin.
            wait_seconds: how long the time for the next attempt may be waited for.

        Raises:
            OSError: the action's, if waiting does not cure it.
        """
        pause = self.again_at - time.monotonic()
        if pause > 0:
            time.sleep(min(pause, wait_seconds))  # nothing tells that a disk has room again
            if pause > wait_seconds:
                return False
        while True:
            try:
                action()
            except OSError as error:
                if error.errno not in _WAITABLE:
                    raise
                if error.errno in disk_reserve.DISK_FULL and self._use_ballast():
                    continue
                self._failed(error)
                return False
            if self.trouble is not None:
                log.warning("%s can be written again", self._what)
            self.trouble, self.again_at, self._failures = None, 0.0, 0
            return True

    def insist(self, action: Callable[[], None]) -> None:
        """Do it, however long it takes until it can be done.

        Raises:
            OSError: the action's, if waiting does not cure it.
        """
        while not self.attempt(action, _PAUSES_SECONDS[-1]):
            pass

    def _use_ballast(self) -> bool:
        return self._ballast_in is not None and disk_reserve.release(self._ballast_in, 0, leave=0)

    def _failed(self, error: OSError) -> None:
        now = time.monotonic()
        self.retries += 1
        self.again_at = now + _PAUSES_SECONDS[min(self._failures, len(_PAUSES_SECONDS) - 1)]
        self._failures += 1
        reason = os.strerror(error.errno or 0)
        if self.trouble is None or now - self._said_at >= _SAY_AGAIN_SECONDS:
            self._said_at = now
            log.error(
                "%s cannot be written: %s; %s, and it is tried again until there is room",
                *(self._what, reason, self._meanwhile),
            )
        self.trouble = f"{self._what} cannot be written: {reason}"
