"""What the platform needs of an instance, wherever it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator import interrupts

GRACE_S = 10.0  # between SIGTERM and SIGKILL, as `docker stop` has it
# …and after one or two signals to the platform itself: somebody is waiting for their prompt.
GRACE_INTERRUPTED_S = (GRACE_S, 5.0, 0.0)
POLL_INTERVAL_S = 0.02


@dataclass(frozen=True)
class ExitInfo:
    """How an instance ended.

    Attributes:
        status: its exit status; 128 plus the signal's number if a signal ended it.
        killed: whether it had to be killed because it ignored SIGTERM.
        stragglers: processes it left behind, in words. They have been ended.
    """

    status: int
    killed: bool = False
    stragglers: tuple[str, ...] = ()


class Instance(Protocol):
    """An instance. Entering it starts the instance, leaving it ends it."""

    @property
    def kind(self) -> TaskKind:
        """The kind of task."""

    @property
    def id(self) -> str:
        """Its INSTANCE_ID."""

    @property
    def protocol(self) -> str:
        """What it serves, ``http`` or ``tcp``; known once it was started."""

    @property
    def address(self) -> tuple[str, int]:
        """Where it serves: host and port; known once it was started."""

    @property
    def folder(self) -> Path | None:
        """Its log, spool and journal as they can be read from here; None if they cannot."""

    @property
    def logs(self) -> tuple[Path, ...]:
        """Files here that tell more of a failure, the most telling first."""

    def ended(self) -> ExitInfo | None:
        """Return how it ended, or None while it runs.

        Raises:
            TaskFailed: nobody can tell any more.
        """

    def stop(self) -> ExitInfo:
        """Ask it to end and wait until nothing of it is left."""

    def reported_count(self) -> int | None:
        """Return how many messages it reported, by its own spool. For after its end.

        None if it has no spool: the algorithm does not use this SDK.
        """

    def __enter__(self) -> Instance: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def wait_for_exit(ended: Callable[[], ExitInfo | None], kill: Callable[[], None]) -> ExitInfo:
    """Wait for the end of what was asked to end; after the grace, kill it.

    A signal to the platform shortens the grace, a second one ends it.

    Args:
        ended: returns how it ended; None while it runs.
        kill: sends SIGKILL; may be called again.
    """
    begun = time.monotonic()
    while (exit_info := ended()) is None:
        grace = GRACE_INTERRUPTED_S[min(interrupts.count(), len(GRACE_INTERRUPTED_S) - 1)]
        if time.monotonic() - begun > grace:
            kill()
        time.sleep(POLL_INTERVAL_S)
    return exit_info
