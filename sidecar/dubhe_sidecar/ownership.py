"""`Ownership`: which streams of a spool this sidecar delivers, and who waits for the others.

Why not every stream, and how a stream says whose it is: see `dubhe_sdk.spool.destination`. Sidecars
that wait for the spool say so in their state files (`announce`), so that the one that has it can
hand it over to whom the rest is for.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dubhe_sdk.process.lock import is_held
from dubhe_sdk.process.state_file import StateFile, read_states
from dubhe_sdk.spool import segment
from dubhe_sdk.spool.destination import (
    KAFKA,
    SIDECAR_ROLE,
    Destination,
    destination_of,
    living_launches,
)
from dubhe_sdk.spool.segment import Description
from dubhe_sidecar.cursor import Cursor, StreamCursor

_LOOK_AGAIN_SECONDS = 1.0


class Ownership:
    """Decides for one spool and one cursor.

    Args:
        directory: the spool's directory.
        cursor: what was delivered, and to which cluster.
        destination: returns where this sidecar delivers to, as far as that is known by then.
        launch: the run of ``dubhe launch`` that this sidecar belongs to; empty: none.
        everything: take all streams, whatever they are meant for.
    """

    def __init__(
        self,
        directory: Path,
        cursor: Cursor,
        destination: Callable[[], Destination],
        launch: str = "",
        *,
        everything: bool = False,
    ) -> None:
        self._directory = directory
        self._cursor = cursor
        self._destination = destination
        self._launch = launch
        self._everything = everything
        self._descriptions: dict[str, Description] = {}
        self._living: frozenset[str] = frozenset()
        self._looked_at = float("-inf")

    def is_mine(self, stream: str, description: Description) -> bool:
        """Return whether this sidecar is to deliver a stream."""
        return self._everything or self._is_for(
            self._destination(), self._launch, self._meant_for(stream, description), description
        )

    def may_be_mine(self, stream: str, numbers: list[int]) -> bool:
        """Return whether this sidecar is to deliver a stream that may not be readable."""
        description = self._description(stream, numbers)
        return description is None or self.is_mine(stream, description)

    def pending(self, *, mine: bool) -> dict[str, Description]:
        """Return the streams that hold something undelivered, this sidecar's or all others.

        A task whose service was killed counts too: its END is to be added.
        """
        found = {}
        present = segment.list_segments(self._directory)
        for gone in self._descriptions.keys() - present.keys():
            del self._descriptions[gone]
        for stream, numbers in present.items():
            description = self._description(stream, numbers)
            if description is not None and self.is_mine(stream, description) == mine:
                entry = self._cursor.streams.get(stream)
                if entry is None or self._is_pending(stream, numbers, entry):
                    found[stream] = description
        return found

    def someone_waits_for(self, streams: Mapping[str, Description]) -> bool:
        """Return whether another sidecar waits for the spool to deliver one of these streams."""
        return any(
            self._is_waiting_for(state, stream, description)
            for state in read_states(self._directory, SIDECAR_ROLE)
            if state.get("waiting")
            for stream, description in streams.items()
        )

    def describe_abandoned(self, streams: Mapping[str, Description]) -> str | None:
        """Return as text which of these streams nobody is going to deliver, and what to do.

        None if their own containers run, or another sidecar waits for them.
        """
        self._look()
        others = self._living - {self._launch}
        waiting = [s for s in read_states(self._directory, SIDECAR_ROLE) if s.get("waiting")]
        abandoned = {
            stream: description
            for stream, description in streams.items()
            if description.launch not in others
            and not any(self._is_waiting_for(state, stream, description) for state in waiting)
        }
        if not abandoned:
            return None
        counts = Counter(str(self._meant_for(*item)) for item in abandoned.items())
        goals = ", ".join(
            f"{goal} ({count} {'stream' if count == 1 else 'streams'})"
            for goal, count in sorted(counts.items())
        )
        text = (
            f"the spool {self._directory} holds records for {goals}; this sidecar delivers to "
            f"{self._destination()} and leaves them there. "
        )
        if self._launch and any(one.launch == self._launch for one in abandoned.values()):
            text += (
                "They are of this very container: BOOTSTRAP_SERVERS is not the same for `dubhe "
                "launch` and for what it starts. Set it for the container, not in run.sh. "
            )
        return text + (
            "They are delivered when a container with that destination runs on this spool. To "
            f"deliver them to {self._destination()} instead, run `dubhe sidecar --drain "
            "--any-destination` with this environment"
        )

    def _is_waiting_for(
        self, state: Mapping[str, Any], stream: str, description: Description
    ) -> bool:
        return bool(state.get("everything")) or self._is_for(
            Destination(str(state.get("kind", "")), str(state.get("cluster", ""))),
            str(state.get("launch", "")),
            self._meant_for(stream, description),
            description,
        )

    def _is_for(
        self, whose: Destination, launch: str, goal: Destination, description: Description
    ) -> bool:
        if not whose.takes(goal):
            return False
        if goal.kind != KAFKA or goal.cluster or description.launch in ("", launch):
            return True
        self._look()
        return description.launch not in self._living

    def _meant_for(self, stream: str, description: Description) -> Destination:
        """Return a stream's destination; the cluster that has begun to get it counts first."""
        goal = destination_of(description)
        entry = self._cursor.streams.get(stream)
        return Destination(goal.kind, entry.cluster) if entry and entry.cluster else goal

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_AGAIN_SECONDS:
            self._living, self._looked_at = living_launches(self._directory), now

    def _description(self, stream: str, numbers: list[int]) -> Description | None:
        """Return what the first readable segment of a stream says."""
        if stream not in self._descriptions:
            for number in numbers:
                try:
                    with self._path(stream, number).open("rb") as file:
                        self._descriptions[stream], _ = segment.read_description(
                            file.fileno(), stream
                        )
                    break
                except (OSError, segment.BadSegment):
                    continue  # whoever reads the stream reports it
        return self._descriptions.get(stream)

    def _is_pending(self, stream: str, numbers: list[int], entry: StreamCursor) -> bool:
        if entry.finished:
            return False
        try:
            with self._path(stream, numbers[-1]).open("rb") as last:
                if entry.task_open and not is_held(last.fileno()):
                    return True
            size = self._path(stream, entry.segment).stat().st_size
        except FileNotFoundError:
            return numbers[-1] > entry.segment
        return numbers[-1] > entry.segment or size > entry.offset

    def _path(self, stream: str, number: int) -> Path:
        return self._directory / segment.file_name(stream, number)


def announce(
    file: StateFile, destination: Destination, launch: str, *, waiting: bool, everything: bool
) -> None:
    """Write to a sidecar's state file what it delivers, and whether it waits for the spool.

    Raises:
        OSError: it cannot be written.
    """
    file.update(
        launch=launch,
        kind=destination.kind,
        cluster=destination.cluster,
        waiting=waiting,
        everything=everything,
    )
