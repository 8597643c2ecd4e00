"""The section ``latency``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from benchmarks.processes import ContestantFailed, environ, running
from benchmarks.reporting.contestants import CONTESTANTS
from benchmarks.reporting.team import SIDECAR
from benchmarks.results import Section, Table
from benchmarks.session import Session, platform_environ
from benchmarks.stats import percentile
from benchmarks.units import milliseconds, number
from benchmarks.worker import Worker

METHOD = """\
Each message carries the moment before it was said; a consumer in another process (librdkafka, its
default settings) takes the moment when its poll has returned. One clock (`perf_counter_ns`) serves
both. Ours goes through spool and sidecar, the clients send straight from the process; each with its
default linger. One round for each rate; one message is said and seen before, as a warm-up. The
clients lose what is in their memory if the process is killed."""


def measure(session: Session) -> Section:
    """Measure all senders at all rates, in turn at each rate."""
    section = Section("latency", "From said to seen", METHOD)
    pythons = {"ours": session.interpreter("ours", (), section)}
    for contestant in CONTESTANTS:
        if contestant.name in ("kafka-python", "confluent-kafka"):
            pythons[contestant.name] = session.interpreter(
                contestant.environment, contestant.packages, section
            )
    table = Table(
        "From said to seen by a consumer, at a steady rate",
        ["", "messages/s", "median", "p99", "longest", "messages"],
    )
    section.tables.append(table)
    for rate, seconds in session.scale.latency_seconds.items():
        for name, python in pythons.items():
            if python is None:
                continue
            session.say(f"latency: {name}, {rate}/s for {seconds:g} s")
            try:
                delays, seen = _one(session, name, python, rate, seconds)
            except ContestantFailed as error:
                section.failures[f"{name}, {rate}/s"] = str(error)
                continue
            middle, p99 = percentile(delays, 0.5), percentile(delays, 0.99)
            shown = [milliseconds(value / 1e9) for value in (middle, p99, max(delays))]
            table.rows.append([name, number(rate), *shown, number(seen)])
            section.figures[f"{name}/{rate}/median_ns"] = middle
            section.figures[f"{name}/{rate}/p99_ns"] = p99
    return section


def _one(
    session: Session, name: str, python: Path, rate: int, seconds: float
) -> tuple[list[float], int]:
    count = int(rate * seconds)
    with ExitStack() as stack:
        topic = stack.enter_context(session.topic())
        folder = session.folder / topic
        env = environ(**platform_environ(session.broker.bootstrap, topic, folder))
        ours = session.interpreter("ours", (), Section("", "", ""))
        assert ours is not None
        limit = seconds + 30
        command = [ours, "-m", "benchmarks.latency.consumer", str(count), str(limit)]
        consumer = Worker(command, "latency-consumer", env)
        stack.callback(consumer.close)
        consumer.reply()
        if name == "ours":
            stack.enter_context(running([ours, *SIDECAR], "latency-sidecar", env))
        command = [python, "-m", "benchmarks.latency.sender", name, str(rate), str(seconds)]
        sender = Worker(command, f"latency-{name}", env)
        stack.callback(sender.close)
        sender.reply()
        consumer.reply()  # the warm-up has come
        sender.ask({})
        answer = consumer.reply(limit)
    if answer["seen"] != count:
        raise ContestantFailed(f"{answer['seen']} of {count} messages were seen in time")
    return answer["ns"], count
