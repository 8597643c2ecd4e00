"""The section ``weight``."""

from __future__ import annotations

from pathlib import Path

from benchmarks.processes import ContestantFailed, environ, run_to_end
from benchmarks.reporting.contestants import CONTESTANTS
from benchmarks.results import Section, Table
from benchmarks.session import Session, platform_environ
from benchmarks.stats import median, percentile
from benchmarks.units import mebibytes, milliseconds, number, ratio
from benchmarks.weight.image import IMAGE, added
from benchmarks.weight.service import ROLES, Memory, service
from benchmarks.weight.settled import settled

METHOD = """\
Import: the time of a whole interpreter that imports the package, less that of one that imports
nothing, interleaved, medians. Start: from the start of `python3 -u app.py` to READY in the journal.
Memory: of each process of the idle service, when it has come to rest (`smaps_rollup`); PSS divides
shared pages among those who share them, so its sums are right; RSS counts them for each. `web` is
all processes of the web front. The model is the algorithm's own and not counted in the sum. Spool:
the service is started on a spool that holds undelivered messages, with no broker to be reached;
each process is read when it has come to rest. The image: the engine's sizes of the image and of the
base that it was built from, Debian's with the distribution's Python."""

_PROTOCOLS = ("http", "tcp")
_SPOOL_MB = (0, 1, 10, 100)
_IMPORTS = {
    "logging": "logging.handlers",
    "kafka-python": "kafka",
    "confluent-kafka": "confluent_kafka",
    "tensorboard": "tensorboardX",
    "mlflow-file": "mlflow",
    "wandb": "wandb",
    "swanlab": "swanlab",
}


def measure(session: Session) -> Section:
    """Measure imports, starts, memory and its growth, and the image."""
    section = Section("weight", "Weight", METHOD)
    ours = session.interpreter("ours", (), section)
    assert ours is not None
    _imports(session, section, ours)
    _starts_and_memory(session, section, ours)
    _growth(session, section, ours)
    _image(section)
    return section


def _imports(session: Session, section: Section, ours: Path) -> None:
    """Time imports of ours and of what people use instead."""
    starts = {"dubhe_sdk": (ours, "dubhe_sdk")}
    for contestant in CONTESTANTS:
        module = _IMPORTS.get(contestant.name)
        if module is not None and session.wanted(contestant.name):
            python = session.interpreter(contestant.environment, contestant.packages, section)
            if python is not None:
                starts[module] = (python, module)
    times: dict[str, list[float]] = {name: [] for name in starts}
    for turn, name in session.rounds(session.scale.starts + 1, list(starts), "imports"):
        python, module = starts[name]
        bare = run_to_end([python, "-c", "pass"], "weight-import", environ()).seconds
        command = [python, "-c", f"import {module}"]
        taken = run_to_end(command, "weight-import", environ()).seconds - bare
        if turn > 0:  # the first one reads from the disk, and writes compiled files
            times[name].append(taken)
    table = Table("Import, beyond the bare interpreter", ["", "median", "× dubhe_sdk"])
    base = median(times["dubhe_sdk"])
    for name, values in times.items():
        table.rows.append([name, milliseconds(median(values)), ratio(median(values) / base)])
        section.figures[f"import/{name}/seconds"] = median(values)
    section.tables.append(table)


def _starts_and_memory(session: Session, section: Section, ours: Path) -> None:
    times: dict[str, list[float]] = {protocol: [] for protocol in _PROTOCOLS}
    kept: dict[str, dict[str, Memory]] = {}
    rounds = session.rounds(session.scale.starts, _PROTOCOLS, "start to READY")
    for turn, protocol in rounds:
        folder = session.folder / f"start-{protocol}-{turn}"
        with service(ours, folder, protocol) as found:
            times[protocol].append(found.ready_seconds)
            if turn == session.scale.starts - 1:
                kept[protocol] = settled(found)
    table = Table("From the start to READY", ["", "median", "longest", "starts"])
    for protocol, values in times.items():
        shown = [milliseconds(median(values)), milliseconds(percentile(values, 1.0))]
        table.rows.append([protocol, *shown, number(len(values))])
        section.figures[f"ready/{protocol}/seconds"] = median(values)
    section.tables.append(table)
    columns = ["", *(f"{protocol}, {kind}" for protocol in _PROTOCOLS for kind in ("PSS", "RSS"))]
    memory = Table("Resident memory of the idle service", columns)
    for role in ROLES:
        cells = [kept[protocol].get(role, Memory(0, 0)) for protocol in _PROTOCOLS]
        memory.rows.append([role, *_cells(cells)])
    sums = [_sum(kept[protocol]) for protocol in _PROTOCOLS]
    memory.rows.append(["all but the model", *_cells(sums)])
    for protocol, total in zip(_PROTOCOLS, sums, strict=True):
        section.figures[f"memory/{protocol}/service_pss_mib"] = total.pss
        section.figures[f"memory/{protocol}/service_rss_mib"] = total.rss
    section.tables.append(memory)


def _growth(session: Session, section: Section, ours: Path) -> None:
    columns = ["", *(f"{megabytes} MB" for megabytes in _SPOOL_MB)]
    found: dict[int, dict[str, Memory]] = {}
    for megabytes in _SPOOL_MB:
        session.say(f"memory with {megabytes} MB of undelivered spool")
        folder = session.folder / f"spool-{megabytes}"
        env = platform_environ("127.0.0.1:9", "nowhere", folder / "temporary")
        if megabytes:
            _fill(ours, folder / "temporary" / "spool", megabytes * 1_000_000, env)
        del env["PORT"], env["DUBHE_TEMPORARY"]
        try:
            with service(ours, folder, "http", **env) as running:
                found[megabytes] = settled(running)
        except ContestantFailed as error:
            section.failures[f"{megabytes} MB of spool"] = str(error)
            found[megabytes] = {}
    table = Table("PSS of the service with undelivered spool, no broker to be reached", columns)
    for role in ROLES:
        cells = [found[mb].get(role, Memory(0, 0)).pss for mb in _SPOOL_MB]
        table.rows.append([role, *map(mebibytes, cells)])
    sums = [_sum(found[megabytes]).pss for megabytes in _SPOOL_MB]
    table.rows.append(["all but the model", *map(mebibytes, sums)])
    for megabytes, total in zip(_SPOOL_MB, sums, strict=True):
        section.figures[f"spool/{megabytes}/service_pss_mib"] = total
    section.tables.append(table)


def _fill(ours: Path, spool: Path, size: int, env: dict[str, str]) -> None:
    """Say messages until the spool has about so many bytes; the first ones tell a frame's size."""
    first = 1000
    command = [ours, "-m", "benchmarks.delivery.fill"]
    run_to_end([*command, first], "weight-fill", environ(**env))
    frame = sum(path.stat().st_size for path in spool.glob("*.seg")) / first
    run_to_end([*command, round(size / frame) - first], "weight-fill", environ(**env))


def _image(section: Section) -> None:
    table = Table("Image", ["", "adds", "to", "made"])
    try:
        found = added()
    except ContestantFailed as error:
        section.failures["image"] = str(error)
        return
    table.rows.append([IMAGE, f"{found.size / 1e6:.1f} MB", found.base, found.created])
    section.figures["image/added_bytes"] = found.size
    section.tables.append(table)


def _sum(found: dict[str, Memory]) -> Memory:
    total = Memory(0, 0)
    for role, memory in found.items():
        if role != "model":
            total += memory
    return total


def _cells(memories: list[Memory]) -> list[str]:
    return [mebibytes(value) for memory in memories for value in (memory.pss, memory.rss)]
