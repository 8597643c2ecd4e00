"""The section ``instances``."""

from __future__ import annotations

from benchmarks.instances.engines import ENGINES, platform, ready_seconds
from benchmarks.instances.idle import share_of_a_core
from benchmarks.processes import ContestantFailed
from benchmarks.results import Section, Table
from benchmarks.session import Session
from benchmarks.stats import median, percentile
from benchmarks.units import digits, milliseconds, number

METHOD = """\
Start: from the request that the button sends to READY in the page's events, an algorithm that does
nothing, one instance at a time; the image is on the node. Idle: processor time of both processes of
`dubhe ui`, without a page and with nothing but heartbeats to do, as a share of one core; the
instances are stand-ins that know the contract alone."""

_IDLE = (0, 50)
_IDLE_SECONDS = 30.0


def measure(session: Session) -> Section:
    """Measure starts on each engine that there is, and idle platforms."""
    section = Section("instances", "Instances of the local platform", METHOD)
    _starts(session, section)
    _idle(session, section)
    return section


def _starts(session: Session, section: Section) -> None:
    table = Table("From the button to READY", ["", "median", "longest", "starts"])
    for engine in ENGINES:
        session.say(f"starts: {engine}")
        folder = session.folder / f"starts-{engine}"
        try:
            with platform(engine, folder) as ui:
                ready_seconds(ui)  # reads from the disk, and makes the folders
                times = [ready_seconds(ui) for _ in range(session.scale.starts)]
        except ContestantFailed as error:
            section.failures[engine] = str(error)
            continue
        shown = [milliseconds(median(times)), milliseconds(percentile(times, 1.0))]
        table.rows.append([engine, *shown, number(len(times))])
        section.figures[f"ready/{engine}/seconds"] = median(times)
    section.tables.append(table)


def _idle(session: Session, section: Section) -> None:
    table = Table("Processor time of an idle platform", ["instances", "share of a core"])
    for instances in _IDLE:
        session.say(f"idle platform with {instances} instances")
        share = share_of_a_core(session.folder / f"idle-{instances}", instances, _IDLE_SECONDS)
        table.rows.append([number(instances), f"{digits(share * 100)} %"])
        section.figures[f"idle/{instances}/share"] = share
    section.tables.append(table)
