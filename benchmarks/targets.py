"""What this project wants to reach, beside what was measured."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.results import Section, Table
from benchmarks.serving import targets as serving
from benchmarks.target import Figures, Target
from benchmarks.units import digits

_DURABLE_PEERS = ("logging", "mlflow-file", "mlflow-sqlite")


def _durable_lead(figures: Figures) -> float:
    """Return how many times our call fits into the fastest durable peer's."""
    peers = [figures[key] for p in _DURABLE_PEERS if (key := f"single/{p}/median_ns") in figures]
    if not peers:
        raise KeyError("no durable peer was measured")
    return min(peers) / figures["single/ours/median_ns"]


TARGETS = (
    Target("metric call, median, × `os.write`", "reporting", lambda f: f["single/ours/ratio"], 2.5),
    Target(
        "metric call, p99", "reporting", lambda f: f["single/ours/p99_ns"] / 1e3, 20, unit=" µs"
    ),
    Target(
        "metric call, p99, beside a thread that computes",
        "reporting",
        lambda f: f["compute/ours/p99_ns"] / 1e3,
        20,
        unit=" µs",
    ),
    Target("fastest durable peer, × ours", "reporting", _durable_lead, at_least=5),
    Target(
        "training throughput lost (upper end of the interval)",
        "training",
        lambda f: f["lost_percent_upper"],
        1.5,
        unit=" %",
    ),
    Target(
        "metric call between two batches, median, × `os.write` there",
        "frameworks",
        lambda f: f["plain/ours/median_ns"] / f["plain/os.write/median_ns"],
        1.5,
    ),
    *(
        Target(
            f"{framework}, fastest peer, × ours",
            "frameworks",
            lambda f, framework=framework: f[f"{framework}/fastest_peer_ratio"],  # type: ignore[misc]
            at_least=10,
        )
        for framework in ("plain", "lightning", "ultralytics")
    ),
    Target(
        "backlog, rate, × kafka-python alone",
        "delivery",
        lambda f: f["ours/rate_ratio"],
        at_least=0.95,
    ),
    Target(
        "backlog, processor time, × kafka-python alone",
        "delivery",
        lambda f: f["ours/cpu_ratio"],
        1.0,
    ),
    Target(
        "backlog, rate, × confluent-kafka alone",
        "delivery",
        lambda f: f["ours/rate"] / f["confluent-kafka/rate"],
        at_least=1.0,
    ),
    Target(
        "backlog, processor time, × confluent-kafka alone",
        "delivery",
        lambda f: f["ours/cpu_seconds_per_100000"] / f["confluent-kafka/cpu_seconds_per_100000"],
        1.2,
    ),
    *serving.TARGETS,
    Target(
        "resident memory (PSS) of web, parents, sidecar",
        "weight",
        lambda f: f["memory/http/service_pss_mib"],
        110,
        unit=" MiB",
    ),
    Target(
        "the same, RSS (pages that are shared count for each)",
        "weight",
        lambda f: f["memory/http/service_rss_mib"],
        110,
        unit=" MiB",
    ),
    Target("start to READY, HTTP", "weight", lambda f: f["ready/http/seconds"], 1.0, unit=" s"),
    *(
        Target(
            f"start on the page to READY, {engine}",
            "instances",
            lambda f, engine=engine: f[f"ready/{engine}/seconds"],  # type: ignore[misc]
            bound,
            unit=" s",
        )
        for engine, bound in (("process", 0.6), ("docker", 1.5), ("kubernetes", 5.0))
    ),
    Target(
        "platform with 50 idle instances, share of a core",
        "instances",
        lambda f: f["idle/50/share"] * 100,
        1,
        unit=" %",
    ),
)


def table(sections: Mapping[str, Section]) -> Table:
    """Return every target that was measured, with its figure and whether it is met."""
    out = Table("Targets", ["what", "target", "measured", "met"])
    for target in TARGETS:
        section = sections.get(target.section)
        if section is None:
            continue
        try:
            value = target.figure(section.figures)
        except KeyError:
            out.rows.append([target.text, target.bound, "not measured", ""])
            continue
        met = "yes" if target.met(value) else "**no**"
        out.rows.append([target.text, target.bound, f"{digits(value)}{target.unit}", met])
    return out
