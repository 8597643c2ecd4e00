"""What the platform needs of an instance, wherever it runs."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeVar

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator import interrupts
from dubhe_simulator.i18n import translate
from dubhe_simulator.instances.provenance.record import Provenance
from dubhe_simulator.instances.spool_status import reported_count

GRACE_S = 10.0  # between SIGTERM and SIGKILL, as `docker stop` has it
POLL_INTERVAL_S = 0.02

AnyInstance = TypeVar("AnyInstance", bound="Instance")


@dataclass(frozen=True)
class Condition:
    """Something to know about an instance, in the language of whoever asks.

    Attributes:
        key: of a message in the catalogs.
        values: of its placeholders.
    """

    key: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """It in words."""
        return translate(self.key, **self.values)

    @property
    def facts(self) -> dict[str, str]:
        """It as plain data, for `of`."""
        return {"key": self.key, **self.values}

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> Condition:
        """Return what has these `facts`."""
        values = dict(facts)
        return cls(values.pop("key"), values)


@dataclass(frozen=True)
class ExitInfo:
    """How an instance ended.

    Attributes:
        status: its exit status; 128 plus the signal's number if a signal ended it.
        killed: whether it had to be killed because it ignored SIGTERM.
        stragglers: processes it left behind, in words. They have been ended.
        reason: what its engine says of it; None if nothing beyond the status.
    """

    status: int
    killed: bool = False
    stragglers: tuple[str, ...] = ()
    reason: Condition | None = None


class Instance(ABC):
    """An instance. Entering it starts the instance, leaving it ends it.

    Attributes:
        kind: the kind of task.
        id: its INSTANCE_ID.
        folder: its log, spool and journal.
        console: everything it wrote to standard output and standard error.
        log: the SDK's log.
        protocol: what it serves, ``http`` or ``tcp``; known once it was started.
        engine: what runs it: ``process``, ``docker`` or ``kubernetes``.
    """

    protocol: str = ""
    engine: ClassVar[str]

    def __init__(self, kind: TaskKind, id_: str, folder: Path) -> None:
        self.kind = kind
        self.id = id_
        self.folder = folder
        self.console = folder / "console.log"
        self.log = folder / "log" / "dubhe.log"

    @property
    def logs(self) -> tuple[Path, ...]:
        """Files that tell more of a failure, the most telling first."""
        return self.console, self.log

    @property
    @abstractmethod
    def address(self) -> tuple[str, int] | None:
        """Where it serves, host and port; None as long as its engine has given it no address."""

    @property
    def condition(self) -> Condition | None:
        """Why it does not run, yet or at present, as its engine has it; None if it runs."""
        return None

    @abstractmethod
    def start(self) -> None:
        """Start it.

        Raises:
            OSError: its folder cannot be made.
            CannotStart: whatever runs it refuses.
        """

    @abstractmethod
    def ended(self) -> ExitInfo | None:
        """Return how it ended, or None while it runs, as far as anybody knows.

        It returns at once. An engine that does not answer is no end: see `condition`.
        """

    @abstractmethod
    def stop(self) -> ExitInfo:
        """Ask it to end (SIGTERM, after a grace SIGKILL) and wait until nothing of it runs.

        Raises:
            EngineProblem: its engine does not do it now. It may run on: call this again later.
        """

    def close(self) -> None:
        """End it if it runs, and remove what need not stay; later if its engine does not answer.

        Raises:
            EngineProblem: it may run on, as with `stop`.
        """
        self.stop()

    def reported_count(self) -> int | None:
        """Return how many messages it reported, by its own spool. For after its end.

        None if it has no spool: the algorithm does not use this SDK.
        """
        return reported_count(self.folder / "spool")

    def provenance(self) -> Provenance | None:
        """Return with what it runs; None if that cannot be told. For while it runs.

        It may take seconds, and takes nothing from the instance's own processes.
        """
        return None

    def cancel_provenance(self) -> None:  # noqa: B027 - most have started nothing
        """Ask no longer: what `provenance` has started is gone when this returns."""

    def __enter__(self: AnyInstance) -> AnyInstance:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def wait_for_exit(
    ended: Callable[[], ExitInfo | None],
    kill: Callable[[], None],
    graces: Sequence[float],
    begun: float | None = None,
) -> ExitInfo:
    """Wait for the end of what was asked to end; after the grace, kill it.

    Args:
        ended: returns how it ended; None while it runs.
        kill: sends SIGKILL; may be called again.
        graces: seconds, after no, one, two signals to this process and so on.
        begun: when it was asked, by the monotonic clock; None for just now.
    """
    begun = time.monotonic() if begun is None else begun
    while (exit_info := ended()) is None:
        grace = graces[min(interrupts.count(), len(graces) - 1)]
        if time.monotonic() - begun > grace:
            kill()
        time.sleep(POLL_INTERVAL_S)
    return exit_info
