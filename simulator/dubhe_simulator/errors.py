"""What can go wrong, as seen from the platform."""

from __future__ import annotations

from pathlib import Path


class CannotStart(Exception):
    """The platform cannot start: a wrong folder, no data, no broker. The text says what to do."""


class FolderInUse(CannotStart):
    """Another platform uses the runs folder."""


class EngineError(CannotStart):
    """Docker or Kubernetes cannot do it: no answer, no image, a refused option or right."""


class TaskFailed(Exception):
    """Something the algorithm had to do did not happen.

    Attributes:
        logs: files whose last lines tell more; the first that is not empty is shown.
    """

    def __init__(self, text: str, logs: tuple[Path, ...] = ()) -> None:
        super().__init__(text)
        self.logs = logs


class Stopped(BaseException):
    """A signal asked the platform to end. Not an `Exception`, so that nobody swallows it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum

    @property
    def exit_status(self) -> int:
        """What a shell expects of a process that a signal ended."""
        return 128 + self.signum


class Refused(Exception):
    """The text says why, and what to do.

    Attributes:
        status: the HTTP status that fits: 400 wrong request, 404 no such thing, 409 not now.
    """

    def __init__(self, text: str, status: int = 409) -> None:
        super().__init__(text)
        self.status = status
