"""What is known of an instance and of a run, as plain data that the database keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dubhe_sdk.contract.kind import TaskKind, kind_of

ESTIMATE_AFTER_S = 1.0  # the first batch is slower than the rest


@dataclass
class ReportedState:
    """What an instance's messages tell. Derived.

    Attributes:
        ready: READY was seen.
        end: status of the last END that no START followed; None without one.
        end_message: the text of that END.
        end_stopped: that END is the one of a task that somebody stopped.
        open_run: the run under way.
        last_run: the latest run.
        runs: how many there were.
        first_ms: when the first message was reported, ms since 1970; 0 without one.
        last_ms: when the last message was reported.
        last: the last message in a few words.
        messages: how many arrived.
        duplicates: how many of them had arrived before.
        malformed: how many are not the contract's.
        unnumbered: how many carry no number, so that gaps and duplicates cannot be told.
        by_type: how many of each of `MESSAGE_TYPES`.
    """

    ready: bool = False
    end: int | None = None
    end_message: str = ""
    end_stopped: bool = False
    open_run: int | None = None
    last_run: int | None = None
    runs: int = 0
    first_ms: int = 0
    last_ms: int = 0
    last: str = ""
    messages: int = 0
    duplicates: int = 0
    malformed: int = 0
    unnumbered: int = 0
    by_type: dict[str, int] = field(default_factory=dict)


@dataclass
class ManagedState:
    """What the platform did about an instance, or was told. Kept.

    Attributes:
        owned: this platform started it.
        session_id: which session of the platform did; drawn at its start.
        engine: what runs it, as `Instance.engine`; empty if it was attached.
        protocol: ``http`` or ``tcp``.
        address: ``host:port``.
        folder: with its log, spool and journal.
        model: the model file it was started with.
        params: the business parameters it was started with; None if that is not known.
        exit_status: after its end.
        stopped: the platform asked it to end.
        stopped_ms: when it did, ms since 1970; 0 if it did not.
        created_ms: when it was started or attached.
        condition: what its engine says: why it does not run yet, or at present, or why it ended.
            Facts of a `Condition`; empty if nothing.
    """

    owned: bool = False
    session_id: str = ""
    engine: str = ""
    protocol: str | None = None
    address: str | None = None
    folder: str | None = None
    model: str | None = None
    params: dict[str, Any] | None = None
    exit_status: int | None = None
    stopped: bool = False
    stopped_ms: int = 0
    created_ms: int = 0
    condition: dict[str, str] = field(default_factory=dict)

    @property
    def gone(self) -> bool:
        """Whether its process has ended, as far as is known."""
        return self.exit_status is not None

    @property
    def paused(self) -> bool:
        """Whether its engine lets it wait: it answers nothing until it goes on."""
        return self.condition.get("key") == "container_paused"


@dataclass
class InstanceRecord:
    """An instance."""

    id: str
    reported: ReportedState = field(default_factory=ReportedState)
    managed: ManagedState = field(default_factory=ManagedState)
    alive: bool | None = None
    """Whether the last heartbeats were answered; None if nobody asks."""
    heartbeat_error: str = ""
    """Why they were not."""

    @property
    def kind(self) -> TaskKind | None:
        """The kind of task; None if the id does not tell."""
        try:
            return kind_of(self.id)
        except ValueError:
            return None

    @property
    def kind_name(self) -> str | None:
        """The kind's name."""
        return None if self.kind is None else self.kind.value


@dataclass
class Run:
    """What one START … END covers; an answered inference request is one as well.

    Attributes:
        id: unique in the database.
        instance: whose.
        kind: of task.
        number: which of the instance's, from 1.
        started_ms: when it began, ms since 1970.
        ended_ms: when it ended; None while it runs.
        status: of END: 200 or 300; None without one.
        message: the text of END.
        stopped: it has not failed by itself: somebody stopped it.
        share: of the work done, 0 to 1.
        epoch: the latest.
        epoch_place: where the latest progress is on the axis of epochs. What is reported by epoch
            lies at its number, as the algorithm counts them. Batches of epoch 3 lie between 3 and
            4; in a run with batches, what is reported by epoch lies behind those.
        by_batch: whether progress by batch was reported.
        progress_ms: when the latest progress was reported.
        results: result messages.
        images: images in them.
        labelled: whether any of them tells a truth.
        send: number of the inference request that it is.
    """

    id: int
    instance: str
    kind: str | None
    number: int
    started_ms: int
    ended_ms: int | None = None
    status: int | None = None
    message: str = ""
    stopped: bool = False
    share: float | None = None
    epoch: int | None = None
    epoch_place: float = 0.0
    by_batch: bool = False
    progress_ms: int = 0
    results: int = 0
    images: int = 0
    labelled: bool = False
    send: int | None = None

    def count(self, images: int, labelled: bool) -> None:
        """A result message arrived, with so many images; whether any of them tells a truth."""
        self.results += 1
        self.images += images
        self.labelled = self.labelled or labelled

    @property
    def remaining_s(self) -> float | None:
        """Seconds left as of the latest progress, if it goes on like this; None: unknown."""
        elapsed = (self.progress_ms - self.started_ms) / 1000
        share = self.share or 0.0
        if self.ended_ms is not None or not 0 < share < 1 or elapsed < ESTIMATE_AFTER_S:
            return None
        return round(elapsed * (1 - share) / share, 1)
