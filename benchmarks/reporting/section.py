"""The section ``reporting``: the variants, the interleaved rounds, the tables."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import ContestantFailed, environ
from benchmarks.reporting.contestants import BARE, CONTESTANTS, OURS, Contestant
from benchmarks.reporting.team import Team, frame_bytes
from benchmarks.results import Section, Table
from benchmarks.session import Session, platform_environ
from benchmarks.stats import median, percentile
from benchmarks.units import microseconds, number, ratio


@dataclass(frozen=True)
class Variant:
    """A situation in which metrics are reported."""

    name: str
    title: str
    threads: int = 1
    processes: int = 1
    compute: bool = False


VARIANTS = (
    Variant("single", "one thread"),
    Variant("threads", "8 threads at once", threads=8),
    Variant("processes", "4 processes at once", processes=4),
    Variant("compute", "one thread, beside a thread that computes in pure Python", compute=True),
)

METHOD = """\
One call reports one metric; calls follow each other without a pause. Each call is timed by
`perf_counter_ns`. Every contestant runs in a process of its own in an environment of its own and
is frozen (SIGSTOP) while the others have their turn; turns are interleaved, A B C, A B C. The first
turn of each is a warm-up and not counted. A round's median and p99 are taken over its calls; the
table has the median over the rounds. The ratio is taken to `os.write` in the same round, then the
median over rounds. `CPU` is the processor time of all threads of the reporting process per call
(`process_time_ns`). Ours delivers by its sidecar, and the Kafka clients, to one real broker on the
same machine meanwhile. `ours` encodes by orjson, `ours-json` by the standard library."""


@dataclass
class Seen:
    """What a contestant's rounds have given."""

    medians: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    calls: int = 0


def measure(session: Session) -> Section:
    """Measure all variants of reporting one metric."""
    section = Section("reporting", "Reporting one metric", METHOD)
    pythons: dict[str, Path] = {}
    for contestant in CONTESTANTS:
        if contestant in (BARE, OURS) or session.wanted(contestant.name):
            python = session.interpreter(contestant.environment, contestant.packages, section)
            if python is not None:
                pythons[contestant.name] = python
            else:
                section.failures[contestant.name] = section.failures.pop(contestant.environment)
    present = [contestant for contestant in CONTESTANTS if contestant.name in pythons]
    with session.topic() as topic:
        env = platform_environ(session.broker.bootstrap, topic, session.folder / "frame")
        size = frame_bytes(pythons[OURS.name], environ(**env))
        section.figures["frame_bytes"] = size
        for variant in VARIANTS:
            seen = _rounds(session, section, variant, present, pythons, topic, size)
            _tell(section, variant, present, seen)
    return section


def _rounds(
    session: Session,
    section: Section,
    variant: Variant,
    present: list[Contestant],
    pythons: dict[str, Path],
    topic: str,
    size: int,
) -> dict[str, Seen]:
    seen = {contestant.name: Seen() for contestant in present}
    scale = session.scale
    request = {
        "seconds": scale.call_seconds,
        "calls": scale.calls,
        "threads": variant.threads,
        "compute": variant.compute,
    }
    with ExitStack() as stack:
        teams: dict[str, Team] = {}
        for contestant in present:
            folder = session.folder / f"{variant.name}-{contestant.name}"
            env = platform_environ(session.broker.bootstrap, topic, folder)
            env["FRAME_BYTES"] = str(size)
            try:
                team = Team(contestant, pythons, folder, environ(**env), variant.processes)
                stack.callback(team.close)
                team.ready()
                team.turn(request)  # warm-up
                teams[contestant.name] = team
            except ContestantFailed as error:
                section.failures[f"{contestant.name}, {variant.title}"] = str(error)
        bare = 0.0
        names = list(teams)
        for _, name in session.rounds(scale.rounds, names, f"reporting, {variant.title}"):
            try:
                turn = teams[name].turn(request)
            except ContestantFailed as error:
                section.failures[f"{name}, {variant.title}"] = str(error)
                names.remove(name)
                continue
            kept = seen[name]
            middle = percentile(turn.ns, 0.5)
            bare = middle if name == BARE.name else bare
            kept.medians.append(middle)
            kept.p99s.append(percentile(turn.ns, 0.99))
            kept.ratios.append(middle / bare)
            kept.cpu.append(turn.cpu_ns / turn.calls)
            kept.calls += turn.calls
    return seen


def _tell(
    section: Section, variant: Variant, present: list[Contestant], seen: dict[str, Seen]
) -> None:
    columns = ["", "median", "p99", "× os.write", "CPU", "calls", "when the call returns, it is"]
    table = Table(f"Reporting one metric: {variant.title}", columns)
    for contestant in present:
        kept = seen[contestant.name]
        if not kept.medians:
            continue
        table.rows.append(
            [
                contestant.name,
                microseconds(median(kept.medians)),
                microseconds(median(kept.p99s)),
                ratio(median(kept.ratios)),
                microseconds(median(kept.cpu)),
                number(kept.calls),
                contestant.kept,
            ]
        )
        at = f"{variant.name}/{contestant.name}"
        section.figures[f"{at}/median_ns"] = median(kept.medians)
        section.figures[f"{at}/p99_ns"] = median(kept.p99s)
        section.figures[f"{at}/ratio"] = median(kept.ratios)
    section.tables.append(table)
