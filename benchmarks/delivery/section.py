"""The section ``delivery``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.processes import ContestantFailed, Cost, environ, run_to_end
from benchmarks.reporting.contestants import CONTESTANTS
from benchmarks.reporting.team import SIDECAR
from benchmarks.results import Section, Table
from benchmarks.session import Session, platform_environ
from benchmarks.stats import median
from benchmarks.units import digits, mebibytes, number, ratio

METHOD = """\
The messages lie in the spool; a sidecar is started and ends when all are acknowledged. The others
send the same bytes, with the same headers, key and settings (`acks=all`, idempotent, batches of
the same size) from memory, and look at every acknowledgement; they keep nothing on a disk and
survive nothing. Times run from the start of the process to its end (`perf_counter`); processor time
and peak memory are the kernel's account of the process (`wait4`). Rounds are interleaved, medians
over rounds, ratios to kafka-python in the same round. There is no warm-up: the first message is
part of the backlog. The broker shares the machine; its processor time is not counted."""
_REFERENCE = "kafka-python"


@dataclass
class _Sender:
    name: str
    run: Callable[[str], Cost]
    """With a topic."""
    costs: list[Cost]


def measure(session: Session) -> Section:
    """Measure ours, kafka-python alone and confluent-kafka alone."""
    section = Section("delivery", "Delivery of a backlog", METHOD)
    count = session.options.backlog
    senders = [_Sender("ours", partial(_ours, session, count), [])]
    for contestant in CONTESTANTS:
        if contestant.name not in ("kafka-python", "confluent-kafka"):
            continue
        python = session.interpreter(contestant.environment, contestant.packages, section)
        if python is not None:
            run = partial(_alone, session, count, python, contestant.module)
            senders.append(_Sender(contestant.name, run, []))
    failed: set[str] = set()
    rounds = session.scale.backlog_rounds
    for _, sender in session.rounds(rounds, senders, f"delivery, {number(count)} messages"):
        if sender.name in failed:
            continue
        try:
            with session.topic() as topic:
                sender.costs.append(sender.run(topic))
        except ContestantFailed as error:
            section.failures[sender.name] = str(error)
            failed.add(sender.name)
    _tell(section, senders, count)
    return section


def _ours(session: Session, count: int, topic: str) -> Cost:
    python = session.interpreter("ours", (), Section("", "", ""))
    assert python is not None
    folder = session.folder / topic
    env = environ(**platform_environ(session.broker.bootstrap, topic, folder))
    try:
        run_to_end([python, "-m", "benchmarks.delivery.fill", str(count)], "delivery-fill", env)
        return run_to_end([python, *SIDECAR, "--drain"], "delivery-ours", env)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _alone(session: Session, count: int, python: Path, module: str, topic: str) -> Cost:
    from dubhe_sidecar.sinks.kafka.limits import KafkaLimits

    limits = KafkaLimits()
    settings = [str(count), str(limits.batch_bytes), str(limits.linger_ms)]
    env = environ(**platform_environ(session.broker.bootstrap, topic, session.folder))
    command = [python, "-m", f"benchmarks.delivery.{module}", *settings]
    return run_to_end(command, f"delivery-{module}", env)


def _tell(section: Section, senders: list[_Sender], count: int) -> None:
    columns = [
        "",
        "messages/s",
        "× kafka-python",
        "CPU per 100 000",
        "× kafka-python",
        "peak memory",
    ]
    table = Table(f"Backlog of {number(count)} messages", columns)
    reference = next((s.costs for s in senders if s.name == _REFERENCE), [])
    for sender in senders:
        if not sender.costs:
            continue
        pairs = list(zip(sender.costs, reference, strict=False))
        rate = median([count / cost.seconds for cost in sender.costs])
        rate_ratio = median([alone.seconds / cost.seconds for cost, alone in pairs])
        cpu = median([cost.cpu_seconds / count * 1e5 for cost in sender.costs])
        cpu_ratio = median([cost.cpu_seconds / alone.cpu_seconds for cost, alone in pairs])
        peak = median([cost.peak_mib for cost in sender.costs])
        table.rows.append(
            [
                sender.name,
                number(rate),
                ratio(rate_ratio),
                f"{digits(cpu)} s",
                ratio(cpu_ratio),
                mebibytes(peak),
            ]
        )
        section.figures |= {
            f"{sender.name}/rate": rate,
            f"{sender.name}/cpu_seconds_per_100000": cpu,
            f"{sender.name}/peak_mib": peak,
        }
        if pairs:
            section.figures[f"{sender.name}/rate_ratio"] = rate_ratio
            section.figures[f"{sender.name}/cpu_ratio"] = cpu_ratio
    section.tables.append(table)
