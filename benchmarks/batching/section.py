"""The section ``batching``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import ContestantFailed
from benchmarks.results import Section, Table
from benchmarks.serving.contestants import BATCHING, SINGLE, Server
from benchmarks.serving.running import Seen, load, serving
from benchmarks.serving.servers.batched_model import CALL_SECONDS, IMAGE_SECONDS, MOST
from benchmarks.session import Session
from benchmarks.stats import median
from benchmarks.units import milliseconds, number, ratio

CLIENTS = (1, 64)

METHOD = f"""\
A model that takes {1000 * CALL_SECONDS:g} ms a call and {1000 * IMAGE_SECONDS:g} ms an image and
keeps no lock meanwhile, as a GPU does. Batches of at most {MOST} requests; peers that wait for a
batch to fill may do so for 5 ms. A full batch takes
{1000 * (CALL_SECONDS + MOST * IMAGE_SECONDS):g} ms, so no server can answer more than
{MOST / (CALL_SECONDS + MOST * IMAGE_SECONDS):.0f} requests a second. Otherwise as in the section
Serving: one worker, everybody anew in every round, medians; the ratio is taken to this project
without batches in the same round."""


@dataclass
class _Kept:
    loads: list[Seen] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)


def measure(session: Session) -> Section:
    """Measure every server with one client and with many."""
    section = Section("batching", "Batches", METHOD)
    pythons: dict[str, Path] = {}
    for server in BATCHING:
        if not server.is_ours and not session.wanted(server.name):
            continue
        name = "ours" if server.is_ours else server.name
        python = session.interpreter(name, server.packages, section)
        if python is not None:
            pythons[server.name] = python
    present = [server for server in BATCHING if server.name in pythons]
    kept: dict[tuple[str, int], _Kept] = {}
    for turn, server in session.rounds(session.scale.serving_rounds, present, "batching"):
        if server.name in section.failures:
            continue
        session.say(f"batching: {server.name}")
        folder = session.folder / f"batching-{server.name}-{turn}"
        try:
            with serving(server, pythons[server.name], folder) as port:
                _turn(session, server, port, kept)
        except ContestantFailed as error:
            section.failures[server.name] = str(error)
    for clients in CLIENTS:
        section.tables.append(_table(section, present, kept, clients))
    return section


def _turn(session: Session, server: Server, port: int, kept: dict[tuple[str, int], _Kept]) -> None:
    for clients in CLIENTS:
        seen, _ = load(server, port, "image", clients, session.scale.load_seconds, 0.5)
        cell = kept.setdefault((server.name, clients), _Kept())
        cell.loads.append(seen)
        single = kept.get((SINGLE[server.http], clients))
        if single is not None and single.loads[-1].rate > 0:
            cell.ratios.append(seen.rate / single.loads[-1].rate)


def _table(
    section: Section,
    present: list[Server],
    kept: dict[tuple[str, int], _Kept],
    clients: int,
) -> Table:
    columns = ["", "req/s", "× without batches", "median", "p99", "failed"]
    table = Table(f"{clients} client{'s' * (clients > 1)}", columns)
    for server in present:
        cell = kept.get((server.name, clients))
        if cell is None:
            continue
        rate, share = median([seen.rate for seen in cell.loads]), median(cell.ratios)
        p50 = median([seen.p50 for seen in cell.loads if seen.p50 is not None])
        p99 = median([seen.p99 for seen in cell.loads if seen.p99 is not None])
        failed = number(sum(seen.failed for seen in cell.loads))
        shown = [number(rate), ratio(share), milliseconds(p50), milliseconds(p99), failed]
        table.rows.append([server.name, *shown])
        at = f"{server.name}/{clients}"
        section.figures |= {f"{at}/rate": rate, f"{at}/ratio": share, f"{at}/p99_s": p99}
    return table
