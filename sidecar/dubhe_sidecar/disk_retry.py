"""`DiskRetry`: repeats a write that the disk refuses at present, and reports it.

A disk that is full, over its quota or read-only can become writable again at any time. To exit and
be started again would not help, and would cost a search for what had arrived each time. All other
errors are raised as they are: the sidecar is crash-only.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from dubhe_sdk.spool import disk_reserve

_RETRIABLE = frozenset({*disk_reserve.DISK_FULL, errno.EROFS, errno.EFBIG})
_PAUSES_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
_LOG_AGAIN_SECONDS = 60.0

log = logging.getLogger("dubhe_sidecar")


class DiskRetry:
    """Retries one kind of write.

    Args:
        what: its name, as in "the cursor cannot be written".
        consequence: what follows from a failure, for people.
        reserve_in: the spool whose disk reserve may be used for it, or None.
    """

    def __init__(self, what: str, consequence: str, reserve_in: Path | None = None) -> None:
        self._what = what
        self._consequence = consequence
        self._reserve_in = reserve_in
        self._failures = 0
        self._logged_at = 0.0
        self.next_attempt_at = 0.0
        """Time of the next attempt, in seconds of `time.monotonic`; 0 while all is well."""
        self.error: str | None = None
        """What failed and why, as text; None while writing works. May be read from any thread."""
        self.retries = 0
        """Number of failed attempts."""

    def attempt(self, action: Callable[[], None], wait_seconds: float = 0.0) -> bool:
        """Run an action, unless it failed a moment ago. Return whether it succeeded.

        Args:
            action: may raise `OSError`; is repeated from its beginning.
            wait_seconds: how long this may wait for the time of the next attempt.

        Raises:
            OSError: the action's, if waiting does not cure it.
        """
        pause = self.next_attempt_at - time.monotonic()
        if pause > 0:
            time.sleep(min(pause, wait_seconds))  # no event signals that a disk has space again
            if pause > wait_seconds:
                return False
        while True:
            try:
                action()
            except OSError as error:
                if error.errno not in _RETRIABLE:
                    raise
                if error.errno in disk_reserve.DISK_FULL and self._use_disk_reserve():
                    continue
                self._record_failure(error)
                return False
            if self.error is not None:
                log.warning("%s can be written again", self._what)
            self.error, self.next_attempt_at, self._failures = None, 0.0, 0
            return True

    def run(self, action: Callable[[], None], between: Callable[[], None] = lambda: None) -> None:
        """Run an action, repeating it until it succeeds.

        Args:
            action: may raise `OSError`; is repeated from its beginning.
            between: called after each failure; may raise to give up.

        Raises:
            OSError: the action's, if waiting does not cure it.
        """
        while not self.attempt(action, _PAUSES_SECONDS[-1]):
            between()

    def _use_disk_reserve(self) -> bool:
        return self._reserve_in is not None and disk_reserve.release(self._reserve_in, 0, leave=0)

    def _record_failure(self, error: OSError) -> None:
        now = time.monotonic()
        self.retries += 1
        self.next_attempt_at = now + _PAUSES_SECONDS[min(self._failures, len(_PAUSES_SECONDS) - 1)]
        self._failures += 1
        reason = os.strerror(error.errno or 0)
        if self.error is None or now - self._logged_at >= _LOG_AGAIN_SECONDS:
            self._logged_at = now
            log.error(
                "%s cannot be written: %s; %s. Retrying until it can",
                *(self._what, reason, self._consequence),
            )
        self.error = f"{self._what} cannot be written: {reason}"
