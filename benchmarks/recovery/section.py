"""The section ``recovery``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from benchmarks import environments
from benchmarks.processes import ContestantFailed, environ, run_to_end, spawn, where
from benchmarks.results import Section, Table
from benchmarks.session import Session, platform_environ
from benchmarks.stats import median
from benchmarks.units import digits, mebibytes, number, ratio

METHOD = """\
A topic holds records of another program (librdkafka) behind the last offset that the sidecar's
state has, as after a crash. *ours* is the sidecar's sink from its start with that state until it
knows that none of them is its own; the tail is watched for half a second in any case, which is part
of the time. *kafka-python* is its consumer, which reads the same records to the end and looks at
each key. Times are of that part alone, processor time is that of the process, memory is by how much
its peak grew. Rounds are interleaved, medians over rounds, ratios in the same round. The broker
shares the machine."""
_READERS = {"ours": "resume", "kafka-python": "consume"}
_REFERENCE = "kafka-python"
# Codec, and records to a batch: by the thousand as under load, one by one as from many slow ones.
_CASES = (("lz4", 1000), ("none", 1000), ("none", 10), ("none", 1))


class _Outcome(NamedTuple):
    seconds: float
    cpu_seconds: float
    grown_mib: float


def measure(session: Session) -> Section:
    """Measure the sink and kafka-python's consumer, for several kinds of foreign batches."""
    section = Section("recovery", "Resume behind records of other programs", METHOD)
    count = session.options.backlog
    columns = ["", "time", "× kafka-python", "CPU", "× kafka-python", "memory grew by"]
    for codec, batch in _CASES:
        name = f"{codec}, {number(batch)} to a batch"
        outcomes: dict[str, list[_Outcome]] = {reader: [] for reader in _READERS}
        with session.topic() as topic:
            env = environ(**platform_environ(session.broker.bootstrap, topic, session.folder))
            try:
                _write(env, count, codec, batch)
                for _, reader in session.rounds(
                    session.scale.backlog_rounds, tuple(_READERS), f"recovery, {name}"
                ):
                    outcomes[reader].append(_read(env, reader))
            except ContestantFailed as error:
                section.failures[name] = str(error)
                continue
        table = Table(f"{number(count)} records, {name}", columns)
        _tell(section, table, f"{codec}-{batch}", outcomes)
        section.tables.append(table)
    return section


def _write(env: dict[str, str], count: int, codec: str, batch: int) -> None:
    command = [environments.ours(), "-m", "benchmarks.recovery.foreign", count, codec, batch]
    run_to_end(command, "recovery-foreign", env)


def _read(env: dict[str, str], reader: str) -> _Outcome:
    log = f"recovery-{reader}"
    python: Path = environments.ours()
    command = [python, "-m", f"benchmarks.recovery.{_READERS[reader]}"]
    process = spawn(command, log, env, piped=True)
    output, _ = process.communicate()
    if process.returncode != 0:
        raise ContestantFailed(f"exit status {process.returncode}; see {where(log)}")
    return _Outcome(**json.loads(output))


def _tell(section: Section, table: Table, case: str, outcomes: dict[str, list[_Outcome]]) -> None:
    for reader, own in outcomes.items():
        pairs = list(zip(own, outcomes[_REFERENCE], strict=True))
        seconds = median([one.seconds for one in own])
        cpu = median([one.cpu_seconds for one in own])
        grown = median([one.grown_mib for one in own])
        seconds_ratio = median([one.seconds / other.seconds for one, other in pairs])
        cpu_ratio = median([one.cpu_seconds / other.cpu_seconds for one, other in pairs])
        table.rows.append(
            [
                reader,
                f"{digits(seconds)} s",
                ratio(seconds_ratio),
                f"{digits(cpu)} s",
                ratio(cpu_ratio),
                mebibytes(grown),
            ]
        )
        section.figures |= {
            f"{case}/{reader}/seconds": seconds,
            f"{case}/{reader}/cpu_seconds": cpu,
            f"{case}/{reader}/grown_mib": grown,
            f"{case}/{reader}/seconds_ratio": seconds_ratio,
            f"{case}/{reader}/cpu_ratio": cpu_ratio,
        }
