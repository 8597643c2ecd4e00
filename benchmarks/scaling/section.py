"""The section ``scaling``."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.results import Section, Table
from benchmarks.serving.contestants import SERVERS, Server
from benchmarks.serving.running import Seen, load, serving
from benchmarks.serving.servers.model import BUSY_SECONDS, NOOP, SLEEP
from benchmarks.session import Session
from benchmarks.stats import median
from benchmarks.units import milliseconds, number, ratio

PROCESSES = (1, 2, 4, 8)
CLIENTS = 32
MODELS = {
    SLEEP: f"a model that sleeps for {1000 * BUSY_SECONDS:g} ms",
    NOOP: "a model that does nothing",
}

METHOD = f"""\
`DUBHE_INFERENCE_WORKERS` processes and {CLIENTS} clients. A model that sleeps keeps no core busy,
as one whose work a GPU does; a single process can then answer {1 / BUSY_SECONDS:g} requests a
second. With a model that does nothing the cores of the machine are the limit. The ratio is taken to
one process in the same round. Otherwise as in the section Serving."""

Key = tuple[str, str, int]
"""Server, model, processes."""


def measure(session: Session) -> Section:
    """Measure both protocols with one process and with several."""
    section = Section("scaling", "Several model processes", METHOD)
    ours = [server for server in SERVERS if server.is_ours]
    python = session.interpreter("ours", (), section)
    assert python is not None
    kept: dict[Key, list[Seen]] = {}
    ratios: dict[Key, list[float]] = {}
    contestants = [(server, count) for server in ours for count in PROCESSES]
    for turn, (server, count) in session.rounds(
        session.scale.serving_rounds, contestants, "scaling"
    ):
        session.say(f"scaling: {server.name}, {count}")
        folder = session.folder / f"scaling-{server.name}-{count}-{turn}"
        workers = {"DUBHE_INFERENCE_WORKERS": str(count)}
        one = replace(server, environ={**server.environ, **workers})
        with serving(one, python, folder) as port:
            for model in MODELS:
                seen, _ = load(one, port, model, CLIENTS, session.scale.load_seconds, 0.5)
                kept.setdefault((server.name, model, count), []).append(seen)
                single = kept[(server.name, model, 1)][-1].rate
                if single:
                    ratios.setdefault((server.name, model, count), []).append(seen.rate / single)
    for model, title in MODELS.items():
        section.tables.append(_table(section, ours, kept, ratios, model, title))
    return section


def _table(
    section: Section,
    ours: list[Server],
    kept: dict[Key, list[Seen]],
    ratios: dict[Key, list[float]],
    model: str,
    title: str,
) -> Table:
    table = Table(
        f"{title[0].upper()}{title[1:]}", ["", "processes", "req/s", "× one", "median", "p99"]
    )
    for server in ours:
        for count in PROCESSES:
            key = (server.name, model, count)
            rate, share = median([seen.rate for seen in kept[key]]), median(ratios.get(key, []))
            p50 = median([seen.p50 for seen in kept[key] if seen.p50 is not None])
            p99 = median([seen.p99 for seen in kept[key] if seen.p99 is not None])
            shown = [number(rate), ratio(share), milliseconds(p50), milliseconds(p99)]
            table.rows.append([server.name, str(count), *shown])
            at = f"{server.name}/{model}/{count}"
            section.figures |= {f"{at}/rate": rate, f"{at}/ratio": share}
    return table
