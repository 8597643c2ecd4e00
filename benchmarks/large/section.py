"""The section ``large``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.processes import ContestantFailed
from benchmarks.results import Section, Table
from benchmarks.serving.contestants import REFERENCES, SERVERS, Server
from benchmarks.serving.running import Seen, load, serving
from benchmarks.serving.servers.model import NOOP
from benchmarks.session import Session
from benchmarks.stats import median
from benchmarks.units import milliseconds, number, ratio
from tests.support.processes import Marked

MEGABYTES = 20
CLIENTS = (1, 3)
SECONDS = 3.0
PEERS = ("flask", "fastapi")
KINDS = {"base64": "a picture in base64", "list": "a list of file names"}

METHOD = f"""\
Requests of {MEGABYTES} MB for a model that does nothing with them: one text, as a picture in
base64, or a long list of names. The bare servers parse them by `json.loads`, since an algorithm
gets objects and not bytes. Otherwise as in the section Serving. Memory is by how much the peak of
the web front (VmHWM, set back before each load) exceeds what it had before, in lengths of one
request. The file in memory that it shares with the model process is not in it: one length for each
request under way."""

_LIMITS = {
    "DUBHE_MAX_REQUEST_BYTES": str(64 << 20),
    "DUBHE_MAX_BUFFER_BYTES": str(1 << 30),
}


@dataclass
class _Kept:
    loads: list[Seen] = field(default_factory=list)
    heartbeats: list[Seen] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


Key = tuple[str, str, int]
"""Server, kind of request, clients."""


def measure(session: Session) -> Section:
    """Measure every server with each kind of request."""
    section = Section("large", "Large requests", METHOD)
    pythons: dict[str, Path] = {}
    for server in SERVERS:
        is_peer = server.name in PEERS and session.wanted(server.name)
        if not (is_peer or server.is_ours or server.name in REFERENCES):
            continue
        name = "ours" if server.is_ours else "bare" if server.name in REFERENCES else server.name
        python = session.interpreter(name, server.packages, section)
        if python is not None:
            pythons[server.name] = python
    present = [server for server in SERVERS if server.name in pythons]
    kept: dict[Key, _Kept] = {}
    for turn, server in session.rounds(session.scale.serving_rounds, present, "large"):
        session.say(f"large: {server.name}")
        folder = session.folder / f"large-{server.name}-{turn}"
        marked = Marked()
        one = replace(server, environ={**server.environ, **_LIMITS, **marked.env})
        try:
            with serving(one, pythons[server.name], folder) as port:
                _turn(one, port, marked, kept)
        except ContestantFailed as error:
            section.failures[server.name] = str(error)
    for kind, title in KINDS.items():
        for clients in CLIENTS:
            section.tables.append(_table(section, present, kept, kind, title, clients))
    return section


def _turn(server: Server, port: int, marked: Marked, kept: dict[Key, _Kept]) -> None:
    for kind in KINDS:
        one = replace(server, payload=(kind, MEGABYTES * 1_000_000))
        for clients in CLIENTS:
            cell = kept.setdefault((server.name, kind, clients), _Kept())
            with _peak(server, marked, cell):
                seen, heartbeats = load(one, port, NOOP, clients, SECONDS, 0.3)
            cell.loads.append(seen)
            cell.heartbeats.append(heartbeats)
            bare = kept.get((server.reference, kind, clients))
            if bare is not None and bare.loads[-1].rate > 0:
                cell.ratios.append(seen.rate / bare.loads[-1].rate)


@contextmanager
def _peak(server: Server, marked: Marked, cell: _Kept) -> Iterator[None]:
    """Measure by how much the web front's memory grows meanwhile, if it is ours."""
    if not server.is_ours:
        yield
        return
    (front,) = [pid for pid, command in marked.living().items() if "--listen-fd" in command]
    Path(f"/proc/{front}/clear_refs").write_text("5")  # proc(5): sets VmHWM back
    before = _kib(front, "VmRSS")
    yield
    cell.memory.append((_kib(front, "VmHWM") - before) * 1024 / (MEGABYTES * 1_000_000))


def _kib(pid: int, field_: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith(field_)]
    return int(line.split()[1])


def _table(
    section: Section,
    present: list[Server],
    kept: dict[Key, _Kept],
    kind: str,
    title: str,
    clients: int,
) -> Table:
    columns = ["", "req/s", "× bare", "median", "heartbeat, p99", "memory, × request", "failed"]
    many = f"{clients} client{'s' * (clients > 1)}"
    table = Table(f"{title[0].upper()}{title[1:]} of {MEGABYTES} MB, {many}", columns)
    for server in present:
        cell = kept.get((server.name, kind, clients))
        if cell is None:
            continue
        rate, share = median([seen.rate for seen in cell.loads]), median(cell.ratios)
        p50 = median([seen.p50 for seen in cell.loads if seen.p50 is not None])
        heartbeat = median([seen.p99 for seen in cell.heartbeats if seen.p99 is not None])
        failed = number(sum(seen.failed for seen in cell.loads))
        memory = ratio(max(cell.memory)) if cell.memory else ""
        shown = [
            number(rate),
            ratio(share),
            milliseconds(p50),
            milliseconds(heartbeat),
            memory,
            failed,
        ]
        table.rows.append([server.name, *shown])
        at = f"{server.name}/{kind}/{clients}"
        section.figures |= {
            f"{at}/rate": rate,
            f"{at}/ratio": share,
            f"{at}/heartbeat_p99_s": heartbeat,
        }
        if cell.memory:
            section.figures[f"{at}/memory"] = max(cell.memory)
    return table
