"""Take exported runs into a local platform."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

from dubhe_simulator import interrupts
from dubhe_simulator.commands.export import progress_on
from dubhe_simulator.commands.options import (
    EXIT_FAILED,
    EXIT_OK,
    adder,
    command_parser,
    run_command,
)
from dubhe_simulator.errors import FolderInUse, Refused
from dubhe_simulator.export.importing import import_archive
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.ingest import Ingest
from dubhe_simulator.platform.state.change_feed import ChangeFeed
from dubhe_simulator.platform.state.registry import InstanceRegistry
from dubhe_simulator.platform.storage.database import Database
from dubhe_simulator.terminal.screen import Screen


def main(argv: list[str]) -> int:
    """Import, and return the exit status: 0, 1 failed, 2 usage, 128 + n signal."""
    given = _parser().parse_args(argv)
    screen = Screen(sys.stdout)
    return run_command(lambda: _import(given, screen), screen, "stopped_by")


def _import(given: argparse.Namespace, screen: Screen) -> int:
    status = EXIT_OK
    given.runs_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with interrupts.deferred():  # or nobody would close it
            try:
                database = Database(given.runs_dir)
            except FolderInUse as error:
                text = translate("import_in_use", folder=given.runs_dir)
                raise FolderInUse(text) from error
            stack.callback(database.close)
            registry = InstanceRegistry(database, ChangeFeed(), "")
            ingest = Ingest(registry, database)
            ingest.prepare()
            ingest.start()
            stack.callback(ingest.close)
        for file in given.file:
            progress = progress_on(screen, "import_progress")
            try:
                with interrupts.deferred():  # a run as a whole, or not at all
                    run = import_archive(file, registry, ingest, progress)
            except (Refused, OSError) as error:
                screen.line(translate("failed", error=f"{file}: {error}"))
                status = EXIT_FAILED
            else:
                shown = {"file": file, "run": run.id, "instance": run.instance}
                screen.line(translate("import_done", **shown))
    return status


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("import", "import_help", "import_help_exit")
    add = adder(parser)
    add("file", help="import_help_file", nargs="+", type=Path, metavar="FILE")
    add("--runs-dir", help="help_runs", type=Path, default=Path("runs"), metavar="DIR")
    return parser
