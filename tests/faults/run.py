"""A whole run: containers that report, faults that are injected, a consumer, a verdict."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.dubhe_sidecar.shifted_clock import CLOCK_AHEAD, set_ahead
from tests.faults import plan, short_timeouts
from tests.faults.container import RESULT, STATUS, Container, writer_command
from tests.faults.final_check import conclude, drain
from tests.faults.injector import Injector, create_topics
from tests.faults.plan import EVERYTHING, Fault
from tests.faults.requests import Requests
from tests.faults.verdict import Verdict
from tests.kafka.broker import Broker

BROKER_PROPERTIES = {"auto.create.topics.enable": "false", "message.max.bytes": "16777216"}
_BOOTSTRAP = "BOOTSTRAP"
_CLOCK = "clock"  # a file
_DATED_TOPICS = ("status-dated", "result-dated")  # of the container whose clock jumps
_INSTANCE = "modelid{0}-algorithm112345540-train-{0}-4"
# From a run's length and a number of faults to the mean pause on a track: the faults last too.
_BUSY = 0.6


@dataclass(frozen=True)
class Options:
    """What a run is to be."""

    seed: int
    minutes: float
    kills: int
    broker_faults: int

    @property
    def tracks(self) -> dict[str, Mapping[str, int]]:
        """Containers and what is killed in them. The first is given topics that are missing."""
        return {
            "writers": plan.WRITERS,
            "heavy": plan.HEAVY,
            "http": plan.SERVICE,
            "tcp": plan.SERVICE,
        }

    def pause(self, count: int, tracks: int = 1) -> float:
        """Return the mean pause in seconds for so many faults on so many tracks."""
        return self.minutes * 60 * tracks / max(1, count) * _BUSY


@dataclass
class RunResult:
    """What came of it."""

    options: Options
    seconds: float = 0.0
    faults: dict[str, Any] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    """Of each container: the first one, and those after its ends."""
    tasks: dict[str, dict[str, int]] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=Verdict)
    short_of: list[str] = field(default_factory=list)
    """What was to happen and did not."""

    @property
    def good(self) -> bool:
        """Whether all that was to happen did, and nothing was lost, repeated or disordered."""
        return self.verdict.good and not self.short_of

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        fields = {**vars(self), "options": vars(self.options), "verdict": self.verdict.to_json()}
        return {"good": self.good, **fields}


def run(options: Options, folder: Path, log: Callable[[str], None]) -> RunResult:
    """Run; takes the minutes given, and some for the start, the drain and the reading.

    Args:
        options: what it is to be.
        folder: empty; everything lies there, some kilobytes for each message.
        show: is given a line for each fault.

    Raises:
        HarnessError: the broker does not start.
        TimeoutError: the topics cannot be read to their ends.
    """
    with contextlib.ExitStack() as stack:
        broker = Broker(folder / "kafka", BROKER_PROPERTIES, listeners={_BOOTSTRAP: "PLAINTEXT"})
        broker.announce(_BOOTSTRAP, broker.bootstrap)  # so that it may move
        stack.enter_context(broker)
        create_topics(broker, (STATUS, RESULT))
        create_topics(broker, _DATED_TOPICS, dated_by_us=True)
        set_ahead(folder / _CLOCK, 0)
        containers = [stack.enter_context(one) for one in _containers(folder, broker)]
        result = RunResult(options)
        begun = time.monotonic()
        for container in containers:
            container.keep()
        requests = [
            stack.enter_context(Requests(container, 40, 0.02))
            for container in containers
            if container.name in ("http", "tcp")
        ]
        injector = _inject(options, broker, containers, folder / _CLOCK, log)
        result.seconds = round(time.monotonic() - begun, 1)
        for one in requests:
            one.stop()
        _take_counts(result, injector, containers, requests)
        log("stopping everything in order")
        for container in containers:
            container.stop()
            container.kill_everything()  # whom a container parent that was killed has left
            drain(container)
        result.verdict = conclude(broker, containers)
        _judge_starts(result, requests)
        return result


def _containers(folder: Path, broker: Broker) -> list[Container]:
    """Two groups of writers and both kinds of services.

    One keeps the product's time limits, and nobody reads its console.
    """
    where = broker.at(_BOOTSTRAP)
    (folder / "bin").mkdir()
    quick = short_timeouts.command_file(folder / "bin")
    writers = writer_command("--others", 4, "--pace", 0.02, "--refused", 800)
    heavy = writer_command("--others", 1, "--pace", 3, "--sizes", 1024 * 1024, 3 * 1024 * 1024)
    ids = [_INSTANCE.format(number) for number in range(1, 5)]
    return [
        Container(
            *(folder / "writers", where, ids[0], writers),
            dubhe=quick,
            topics=_DATED_TOPICS,
            env={CLOCK_AHEAD: str(folder / _CLOCK)},
        ),
        Container(folder / "heavy", where, ids[1], heavy, dubhe=quick),
        Container(folder / "http", where, ids[2], protocol="http", dubhe=quick),
        Container(folder / "tcp", where, ids[3], protocol="tcp", console=False),
    ]


def _inject(
    options: Options,
    broker: Broker,
    containers: Sequence[Container],
    clock: Path,
    log: Callable[[str], None],
) -> Injector:
    """Inject faults until there have been enough, or half as long again as was given has passed."""
    over = threading.Event()
    injector = Injector(broker, containers, clock, over, log)
    tracks = options.tracks
    for name, weights in tracks.items():
        pause = options.pause(options.kills, len(tracks))
        injector.follow(plan.container_track(options.seed, name, weights, pause))
    injector.follow(broker_track(options))
    begun = time.monotonic()
    seconds = options.minutes * 60
    count = injector.count
    try:
        while not over.wait(0.2):
            passed = time.monotonic() - begun
            enough = count.kills_done >= options.kills and (
                count.broker_done >= options.broker_faults
            )
            if (enough and passed >= seconds) or passed >= 1.5 * seconds:
                break
    finally:
        over.set()
        injector.join()
    return injector


def broker_track(options: Options) -> Iterator[Fault]:
    """Return the broker's track of a run."""
    pause = max(0.0, options.pause(options.broker_faults) - 6)  # a broker starts in seconds
    return plan.broker_track(options.seed, pause, longest=options.minutes >= 10)


def _take_counts(
    result: RunResult,
    injector: Injector,
    containers: Sequence[Container],
    requests: Sequence[Requests],
) -> None:
    count, options = injector.count, result.options
    result.faults = {
        "kills": count.kills_done,
        "kills_by_target": dict(count.kills),
        "processes_killed": count.processes,
        "sidecar_freezes": count.freezes,
        "signals": dict(count.signals),
        "broker_faults": count.broker_done,
        "broker_faults_by_kind": dict(count.broker),
        "missed": count.missed,
    }
    result.starts = {container.name: container.starts for container in containers}
    result.tasks = {
        one.container: {"asked": one.asked, "accepted": one.accepted, "no_reply": one.errors}
        for one in requests
    }
    if count.kills_done < options.kills:
        result.short_of.append(f"{count.kills_done} kills of {options.kills}")
    if count.broker_done < options.broker_faults:
        result.short_of.append(f"{count.broker_done} broker faults of {options.broker_faults}")


_ENDS_A_SERVICE = ("service", "launch", "model", EVERYTHING)


def _judge_starts(result: RunResult, requests: Sequence[Requests]) -> None:
    """A training that was acknowledged has begun; one whose reply was lost may have.

    One that was acknowledged while the class was constructed is held until it is ready, and is
    gone with a service that is killed meanwhile: each kill that ends a service may take one.
    """
    accepted = sum(one.accepted for one in requests)
    most = accepted + sum(one.errors for one in requests)
    kills = result.faults["kills_by_target"]
    least = accepted - sum(kills.get(name, 0) for name in _ENDS_A_SERVICE)
    starts = result.verdict.starts
    if not least <= starts <= most:
        result.verdict.add_problem("lost", f"{starts} START, {least} to {most} expected", 1)
