"""Write runs to files: an HTML page, a zip, CSV, for TensorBoard, for MLflow."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path

from dubhe_simulator.commands.options import EXIT_OK, adder, command_parser, positive, run_command
from dubhe_simulator.errors import CannotStart
from dubhe_simulator.export import archive, mlflow, report, tensorboard
from dubhe_simulator.export.output import Progress, whole_file
from dubhe_simulator.export.run_data import METRIC_COLUMNS, RESULT_COLUMNS, RunData
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.state.change_feed import ChangeFeed
from dubhe_simulator.platform.state.registry import InstanceRegistry
from dubhe_simulator.platform.storage.csv_export import csv_lines
from dubhe_simulator.platform.storage.database import StoredRuns
from dubhe_simulator.terminal.screen import Screen

FORMS = ("html", "zip", "csv", "tensorboard", "mlflow")
FOLDERS = {"tensorboard": Path("tensorboard"), "mlflow": Path("mlruns")}
SOON_S = 2.0  # what takes longer tells how far it is
PAUSE_S = 10.0  # between two lines of progress where there is no terminal


def main(argv: list[str]) -> int:
    """Write, and return the exit status: 0, 1 failed, 2 usage, 128 + n signal."""
    parser = _parser()
    given = parser.parse_args(argv)
    if given.form != "zip" and (given.images or given.models is not None):
        parser.error(translate("export_only_zip"))
    screen = Screen(sys.stdout)
    return run_command(lambda: _export(given, screen), screen, "stopped_by")


def progress_on(screen: Screen, message: str) -> Progress:
    """Return what shows progress, once something takes a while.

    Args:
        screen: where.
        message: the key of the message; it has ``what``.
    """
    begun, last = time.monotonic(), 0.0

    def show(what: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - begun < SOON_S:
            return
        if screen.live:
            screen.bottom(translate(message, what=what))
        elif now - last > PAUSE_S:
            last = now
            screen.line(translate(message, what=what))

    return show


def _export(given: argparse.Namespace, screen: Screen) -> int:
    folder = given.output_dir or FOLDERS.get(given.form, Path())
    with closing(StoredRuns(given.runs_dir)) as database:
        registry = InstanceRegistry(database, ChangeFeed(), "")
        runs = [RunData(registry, database, run) for run in registry.runs]
        if given.run:
            known = {data.run.id: data for data in runs}
            for number in given.run:
                if number not in known:
                    raise CannotStart(translate("export_no_run", run=number, path=given.runs_dir))
            runs = [known[number] for number in given.run]
        if not runs:
            raise CannotStart(translate("export_no_runs", path=given.runs_dir))
        progress = progress_on(screen, "export_progress")
        if given.form == "html":
            name = runs[0].name if len(runs) == 1 else "runs"
            _file(folder / f"{name}.html", lambda p: report.write_report(runs, p, progress), screen)
        else:
            for data in runs:
                _write(given, data, folder, progress, screen)
    return EXIT_OK


def _write(
    given: argparse.Namespace, data: RunData, folder: Path, progress: Progress, screen: Screen
) -> None:
    if given.form == "zip":
        options = {"images": given.images, "models": given.models, "progress": progress}
        path = folder / f"{data.name}.zip"
        _file(path, lambda part: archive.write_archive(data, part, **options), screen)
    elif given.form == "csv":
        tables = {
            "metrics": csv_lines(METRIC_COLUMNS, data.metric_rows()),
            "results": csv_lines(RESULT_COLUMNS, data.result_rows()),
        }
        for what, pieces in tables.items():
            progress(f"{data.name}-{what}.csv")
            _file(folder / f"{data.name}-{what}.csv", partial(_table, pieces), screen)
    elif given.form == "tensorboard":
        screen.line(str(tensorboard.write_events(data, folder, progress)))
    else:
        screen.line(str(mlflow.write_store(data, folder, progress)))


def _file(path: Path, write: Callable[[Path], None], screen: Screen) -> None:
    with whole_file(path) as part:
        write(part)
    screen.line(str(path))


def _table(pieces: Iterable[bytes], path: Path) -> None:
    with path.open("wb") as out:
        out.writelines(pieces)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("export", "export_help", "export_help_exit")
    add = adder(parser)
    add("run", help="export_help_run", nargs="*", type=positive, metavar="RUN")
    forms = parser.add_mutually_exclusive_group(required=True)
    for form in FORMS:
        how = {"dest": "form", "action": "store_const", "const": form}
        adder(forms)(f"--{form}", help=f"export_help_{form}", **how)
    add("--runs-dir", help="help_runs", type=Path, default=Path("runs"), metavar="DIR")
    add("-o", "--output-dir", help="export_help_output", type=Path, metavar="DIR")
    add("--images", help="export_help_images", action="store_true")
    add("--models", help="export_help_models", type=Path, metavar="DIR")
    return parser
