"""`RankWatch`: ends a service whose task waits for a rank that has failed.

Only for ranks that a launcher has started beside the service: nobody else sees their end. Rank 0
gets a moment to notice it by itself, since what it raises then belongs into the END as well. It may
be waiting in C, where `TaskStopped` cannot be raised; then it is killed like a model that does not
stop. While no task runs there is nothing to end: the next one ends soon after its START.
"""

from __future__ import annotations

from collections.abc import Callable

from dubhe_sdk.ipc.group_failures import GroupFailures
from dubhe_sdk.service.loop import Loop

_POLL_SECONDS = 0.25
_NOTICE_SECONDS = 2.0


class RankWatch:
    """Looks for failures as long as the service lives.

    Args:
        loop: the parent's event loop.
        failures: of the ranks.
        is_waited_for: whether the model needs all ranks now: it is being constructed, or runs a
            task.
        fail: called once, with the reason.
    """

    def __init__(
        self,
        loop: Loop,
        failures: GroupFailures,
        is_waited_for: Callable[[], bool],
        fail: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._failures = failures
        self._is_waited_for = is_waited_for
        self._fail = fail

    def poll(self) -> None:
        """Look now, and from now on."""
        if self._is_waited_for() and self._failures.read():
            self._loop.after(_NOTICE_SECONDS, self._end)
        else:
            self._loop.after(_POLL_SECONDS, self.poll)

    def _end(self) -> None:
        if self._is_waited_for():
            self._fail(f"{self._failures.read()}; the others cannot go on without it")
        else:
            self.poll()
