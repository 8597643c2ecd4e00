"""`GroupFailures`: what ranks beside the service raised, for the service parent.

Problem
    A launcher such as torchrun ends all ranks when one fails. Without one, or until it notices,
    rank 0 waits for the missing one in ``init_process_group`` or a collective call, in C, for half
    an hour. A rank that fails in its constructor belongs to no task yet, so it cannot leave its
    reason beside the task's request, where `dubhe_sdk.ipc.rank_failures` has it.

Mechanism
    It leaves it in a file that is named after the group's address and port, which launchers give to
    every rank. The service parent looks for such files.

Safety
    A later group may have the same address and port, and find what a former one has left, on a
    volume. So the file names the process that has started the rank, by PID and time of start. It
    counts only if that one is above the service too, and if the rank is not older than the service,
    but for a few seconds: a shell may start one group after another. If ranks are started in
    another way, nothing counts, and rank 0 waits as long as its library lets it.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from dubhe_sdk.process import tree

# What lies between the starts of two ranks of one group.
_APART_SECONDS = 10.0


class GroupFailures:
    """The failures of one group, in this process's launch.

    Args:
        group: the group's own file.
    """

    def __init__(self, group: Path) -> None:
        self._group = group
        self._above = tree.ancestors(os.getpid())  # now: they may be gone later

    def write(self, rank: int, text: str) -> None:
        """Keep what this process raised, a rank.

        Args:
            rank: its number.
            text: one line.
        """
        own, *above = self._above
        launcher = (above[0].pid, above[0].started) if above else None
        path = self._group.with_suffix(f".failed-{rank}")
        new = self._group.with_suffix(f".new-failed-{rank}")
        content = {"launcher": launcher, "started": own.started, "text": text}
        with contextlib.suppress(OSError):  # a full disk: it is in the log
            self._group.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(content), "utf-8")
            new.replace(path)

    def read(self) -> str:
        """Return what ranks raised: ``rank 1 failed: ValueError: …``; empty if nothing.

        The first that failed comes first.
        """
        found = []
        for path in self._files():
            with contextlib.suppress(OSError):  # removed meanwhile
                content = json.loads(path.read_text("utf-8"))
                if self._counts(content["launcher"], content["started"]):
                    rank = path.name.rpartition("-")[2]
                    text = f"rank {rank} failed: {content['text']}"
                    found.append((path.stat().st_mtime_ns, text))
        return "; ".join(text for _, text in sorted(found))

    def forget(self) -> None:
        """Remove all of them, of former launches too."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def _counts(self, launcher: list[int] | None, started: int) -> bool:
        for below, one in zip(self._above, self._above[1:], strict=False):
            if launcher == [one.pid, one.started]:
                apart = _APART_SECONDS * os.sysconf("SC_CLK_TCK")
                return started >= below.started - apart
        return False

    def _files(self) -> list[Path]:
        return list(self._group.parent.glob(f"{self._group.stem}.failed-*"))
