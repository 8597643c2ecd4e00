"""The run itself: section by section, then what it writes."""

from __future__ import annotations

import importlib
import signal
import sys
import traceback
from types import FrameType

from benchmarks import machine, markdown, picture, processes, results
from benchmarks.options import Options
from benchmarks.session import Session


def run(options: Options) -> int:
    """Measure what was asked for, and write it. Returns the exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        with Session(options) as session:
            complete = [_section(session, name) for name in options.only]
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the sections that were finished are written\n")
        return 130
    finally:
        processes.leave_nothing()
    sys.stderr.write(f"written: {options.output / 'RESULTS.md'}\n")
    return 0 if all(complete) else 1


def _section(session: Session, name: str) -> bool:
    """Measure one section and write it; a section that fails does not end the others."""
    measure = importlib.import_module(f"benchmarks.{name}.section").measure
    noise = machine.Noise()
    try:
        section: results.Section = measure(session)
    except Exception as error:  # noqa: BLE001 - it is told, and the exit status says it
        traceback.print_exc()
        session.say(f"{name} failed: {type(error).__name__}: {error}")
        return False
    section.run = {**machine.facts(), **noise.seen(), "command": session.options.command}
    for table in section.tables:
        print(markdown.plain(table), flush=True)
    for who, why in section.failures.items():
        session.say(f"missing: {who}: {why}")
    _write(session.options, section)
    return not section.failures


def _write(options: Options, section: results.Section) -> None:
    kept = options.output / "results.json"
    sections = results.load(kept)
    sections[section.name] = section
    results.save(kept, sections)
    (options.output / "RESULTS.md").write_text(markdown.document(sections), "utf-8")
    picture.write(options.pictures, sections)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
