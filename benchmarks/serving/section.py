"""The section ``serving``."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import ContestantFailed
from benchmarks.results import Section, Table
from benchmarks.serving.contestants import REFERENCES, SERVERS, Server
from benchmarks.serving.running import Seen, keeping_a_core_busy, load, serving
from benchmarks.serving.servers.model import BUSY, BUSY_SECONDS, HOLD, HOLD_SECONDS, NOOP
from benchmarks.session import Session
from benchmarks.stats import median
from benchmarks.units import milliseconds, number, ratio

MODELS = {NOOP: "a model that does nothing", BUSY: "a model that computes for 5 ms"}
BESIDE = "beside"
"""A load like any other, while another process keeps a core busy, as data loaders do."""
BESIDE_TITLE = f"{MODELS[NOOP]}, beside a process that computes"

METHOD = f"""\
Every server serves the same model on one worker. Each is started anew in every round, A B C, A B C;
each load warms up for 0.3 s, or for as long as all clients' first requests compute. Clients keep
their connections and send again when the reply has come (`perf_counter`); only good replies count.
Replies that are owed at the end of a load count for the latencies, not for the rate. Meanwhile one
more client asks for a heartbeat every 10 ms. Figures are medians over the rounds; the ratio is
taken to the bare server in the same round. The bare servers answer from memory without parsing;
`relay-tcp` does the same with its model in another process: a plain program of gevent's, to compare
what the boundary between two processes costs. The 5 ms are processor time in Python, which keeps
the interpreter lock busy; one model can then answer 200 requests a second. In the last table, one
request keeps the interpreter lock by a C call for {HOLD_SECONDS} s. The load comes from a process
of its own with raw sockets; what it took of a core stands beside the rates. All share the machine's
cores."""

Key = tuple[str, str, int]
"""Server, model, clients."""


@dataclass
class _Kept:
    loads: list[Seen] = field(default_factory=list)
    heartbeats: list[Seen] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)


def measure(session: Session) -> Section:
    """Measure every server under every load."""
    section = Section("serving", "Serving", METHOD)
    pythons: dict[str, Path] = {}
    for server in SERVERS:
        ours = server.is_ours
        if not ours and server.name not in REFERENCES and not session.wanted(server.name):
            continue
        name = "ours" if ours else "bare" if server.name in REFERENCES else server.name
        python = session.interpreter(name, server.packages, section)
        if python is not None:
            pythons[server.name] = python
    present = [server for server in SERVERS if server.name in pythons]
    kept: dict[Key, _Kept] = {}
    for turn, server in session.rounds(session.scale.serving_rounds, present, "serving"):
        if server.name in section.failures:
            continue
        session.say(f"serving: {server.name}")
        folder = session.folder / f"{server.name}-{turn}"
        try:
            with serving(server, pythons[server.name], folder) as port:
                _turn(session, server, port, kept)
        except ContestantFailed as error:
            section.failures[server.name] = str(error)
    for model, title in {**MODELS, BESIDE: BESIDE_TITLE}.items():
        clients = session.scale.clients if model in MODELS else (1,)
        _add_rates(section, clients, model, title, present, kept)
        if model in MODELS:
            _add_heartbeats(section, clients, model, title, present, kept)
    _add_held(section, present, kept)
    return section


def _turn(session: Session, server: Server, port: int, kept: dict[Key, _Kept]) -> None:
    plan = [(model, clients) for model in MODELS for clients in session.scale.clients]
    for model, clients in [*plan, (BESIDE, 1), (HOLD, 1)]:
        seconds, warm = session.scale.load_seconds, 0.3
        if model == HOLD:
            seconds, warm = HOLD_SECONDS + 0.5, 0.0
        elif model == BUSY:
            # A server may answer all clients at once, as often as all have been computed: of less
            # than a few such waves, the rate would be that of a wave.
            warm = max(warm, clients * BUSY_SECONDS)
            seconds = max(seconds, 3 * warm)
        with keeping_a_core_busy() if model == BESIDE else contextlib.nullcontext():
            what = NOOP if model == BESIDE else model
            seen, heartbeats = load(server, port, what, clients, seconds, warm)
        cell = kept.setdefault((server.name, model, clients), _Kept())
        cell.loads.append(seen)
        cell.heartbeats.append(heartbeats)
        bare = kept.get((server.reference, model, clients))
        if bare is not None and bare.loads[-1].rate > 0:
            cell.ratios.append(seen.rate / bare.loads[-1].rate)


def _add_rates(
    section: Section,
    clients: tuple[int, ...],
    model: str,
    title: str,
    present: list[Server],
    kept: dict[Key, _Kept],
) -> None:
    for count in clients:
        columns = ["", "req/s", "× bare", "median", "p99", "failed", "generator's core"]
        table = Table(f"Serving {title}, {count} client{'s' * (count > 1)}", columns)
        limits: list[float] = []
        for server in present:
            cell = kept.get((server.name, model, count))
            if cell is None:
                continue
            rate = median([seen.rate for seen in cell.loads])
            share = median(cell.ratios)
            p50 = median([seen.p50 for seen in cell.loads if seen.p50 is not None])
            p99 = median([seen.p99 for seen in cell.loads if seen.p99 is not None])
            core = max(seen.core for seen in cell.loads)
            failed = sum(seen.failed for seen in cell.loads)
            shown = [number(rate), ratio(share), milliseconds(p50), milliseconds(p99)]
            table.rows.append([server.name, *shown, number(failed), f"{100 * core:.0f} %"])
            # Busy enough to tell what a request costs it, rather than an idle loop.
            limits += [seen.rate / seen.core for seen in cell.loads if seen.core > 0.05]
            at = f"{server.name}/{model}/{count}"
            section.figures |= {f"{at}/rate": rate, f"{at}/ratio": share, f"{at}/p99_s": p99}
        if limits:
            table.notes.append(
                f"At what a request cost the generator here, a core of its own could have sent "
                f"{number(median(limits))} requests/s."
            )
        section.tables.append(table)


def _add_heartbeats(
    section: Section,
    clients: tuple[int, ...],
    model: str,
    title: str,
    present: list[Server],
    kept: dict[Key, _Kept],
) -> None:
    table = Table(
        f"Heartbeat's p99 while clients load {title}",
        ["", *(f"{count} client{'s' * (count > 1)}" for count in clients)],
    )
    for server in present:
        row = [server.name]
        for count in clients:
            cell = kept.get((server.name, model, count))
            times = [seen.p99 for seen in cell.heartbeats if seen.p99 is not None] if cell else []
            row.append(milliseconds(median(times)) if times else "no answer")
            section.figures[f"{server.name}/{model}/{count}/heartbeat_p99_s"] = median(times)
        table.rows.append(row)
    section.tables.append(table)


def _add_held(section: Section, present: list[Server], kept: dict[Key, _Kept]) -> None:
    table = Table(
        f"Heartbeat while the model holds the interpreter lock for {HOLD_SECONDS} s",
        ["", "median", "longest", "model in a process of its own"],
    )
    for server in present:
        cell = kept.get((server.name, HOLD, 1))
        if cell is None:
            continue
        longest = [seen.longest for seen in cell.heartbeats if seen.longest is not None]
        middle = [seen.p50 for seen in cell.heartbeats if seen.p50 is not None]
        apart = "yes" if server.apart else "no"
        if longest:
            row = [server.name, milliseconds(median(middle)), milliseconds(max(longest)), apart]
            section.figures[f"{server.name}/hold/longest_s"] = max(longest)
        else:
            row = [server.name, "no answer", f"> {HOLD_SECONDS} s", apart]
        table.rows.append(row)
    section.tables.append(table)
