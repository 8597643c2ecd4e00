"""What this project wants to reach, beside what was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.results import Section, Table
from benchmarks.units import digits

Figures = Mapping[str, float]

_DURABLE_PEERS = ("logging", "mlflow-file", "mlflow-sqlite")
_BATCHING_PEERS = ("litserve", "bentoml", "mlserver")


@dataclass(frozen=True)
class Target:
    """A bound for one figure."""

    text: str
    section: str
    figure: Callable[[Figures], float]
    """From the section's figures; raises KeyError if what it needs was not measured."""
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""

    def met(self, value: float) -> bool:
        """Return whether a measured value reaches it."""
        if self.at_most is not None:
            return value <= self.at_most
        return self.at_least is not None and value >= self.at_least

    @property
    def bound(self) -> str:
        """The bound in words."""
        sign, value = ("≤", self.at_most) if self.at_most is not None else ("≥", self.at_least)
        return f"{sign} {value:g}{self.unit}"


def _durable_lead(figures: Figures) -> float:
    """Return how many times our call fits into the fastest durable peer's."""
    peers = [figures[key] for p in _DURABLE_PEERS if (key := f"single/{p}/median_ns") in figures]
    if not peers:
        raise KeyError("no durable peer was measured")
    return min(peers) / figures["single/ours/median_ns"]


def _batching_lead(figures: Figures) -> float:
    """Return our rate with batches, in those of the fastest peer."""
    peers = [figures[key] for p in _BATCHING_PEERS if (key := f"{p}/64/rate") in figures]
    if not peers:
        raise KeyError("no peer with batches was measured")
    return figures["ours-http-batches/64/rate"] / max(peers)


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
    Target(
        "HTTP, no-op, 1 client, × bare",
        "serving",
        lambda f: f["ours-http/noop/1/ratio"],
        at_least=0.7,
    ),
    Target(
        "HTTP, no-op, 512 clients, heartbeat's p99",
        "serving",
        lambda f: f["ours-http/noop/512/heartbeat_p99_s"] * 1e3,
        10,
        unit=" ms",
    ),
    Target(
        "HTTP, no-op, 8 clients, × bare",
        "serving",
        lambda f: f["ours-http/noop/8/ratio"],
        at_least=0.7,
    ),
    Target(
        "TCP, no-op, 1 client, × bare",
        "serving",
        lambda f: f["ours-tcp/noop/1/ratio"],
        at_least=0.75,
    ),
    Target(
        "TCP, no-op, 8 clients, × bare",
        "serving",
        lambda f: f["ours-tcp/noop/8/ratio"],
        at_least=0.75,
    ),
    *(
        Target(
            f"{protocol.upper()}, no-op, 1 client, beside a process that computes, × bare",
            "serving",
            lambda f, protocol=protocol: f[f"ours-{protocol}/beside/1/ratio"],  # type: ignore[misc]
            at_least=0.5,
        )
        for protocol in ("http", "tcp")
    ),
    *(
        Target(
            f"{protocol.upper()}, 20 MB in base64, 3 clients, × bare",
            "large",
            lambda f, protocol=protocol: f[f"ours-{protocol}/base64/3/ratio"],  # type: ignore[misc]
            at_least=0.8,
        )
        for protocol in ("http", "tcp")
    ),
    Target(
        "web front's memory and the shared file for requests of 20 MB, 1 client, × request",
        "large",
        lambda f: 1 + max(f["ours-http/base64/1/memory"], f["ours-tcp/base64/1/memory"]),
        1.5,
    ),
    Target(
        "4 model processes that sleep, TCP, × one",
        "scaling",
        lambda f: f["ours-tcp/sleep/4/ratio"],
        at_least=3.6,
    ),
    Target(
        "64 clients, batches, HTTP, × without batches",
        "batching",
        lambda f: f["ours-http-batches/64/ratio"],
        at_least=5,
    ),
    Target(
        "64 clients, batches, TCP, × without batches",
        "batching",
        lambda f: f["ours-tcp-batches/64/ratio"],
        at_least=5,
    ),
    Target(
        "64 clients, batches, HTTP, × best peer with batches",
        "batching",
        _batching_lead,
        at_least=1.2,
    ),
    Target(
        "1 client, batches, HTTP, × without batches",
        "batching",
        lambda f: f["ours-http-batches/1/ratio"],
        at_least=0.97,
    ),
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
