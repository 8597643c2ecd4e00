"""A run as a zip: its parts as plain files, and everything that another platform needs for it.

==================  ================================================================
``run.json``        form, version, the run, its request, what it ran with
``messages.jsonl``  one message a line: topic, time, headers, value; the run is made of these
``metrics.csv``     all points: metric, step, epoch, time in ms since 1970, value
``results.csv``     all predictions
``dubhe.log``       the log of its instance, if there is one
``images/``         if wanted: the images that results name, by ``images.json``
``models/``         if wanted: model files of the time of the run
==================  ================================================================
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from dubhe_simulator.contract.model_files import describe, model_files
from dubhe_simulator.export.output import Progress, silent
from dubhe_simulator.export.run_data import METRIC_COLUMNS, RESULT_COLUMNS, RunData
from dubhe_simulator.platform.storage.csv_export import csv_lines

FORM = "dubhe-run"
VERSION = 1
RUN, MESSAGES, IMAGES = "run.json", "messages.jsonl", "images.json"
CHUNK = 1 << 20
EVERY = 2000  # lines between two reports of progress


def write_archive(
    data: RunData,
    path: Path,
    *,
    images: bool = False,
    models: Path | None = None,
    progress: Progress = silent,
) -> None:
    """Write a run.

    Args:
        data: the run.
        path: the file; is overwritten.
        images: whether to add the images that its results name and that are on this machine.
        models: a folder; its model files that were made while the run went on are added.
        progress: is told how far it is.

    Raises:
        OSError: a file cannot be read or written.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        head = {"form": FORM, "version": VERSION, **data.facts()}
        archive.writestr(RUN, json.dumps(head, ensure_ascii=False, indent=1).encode(*_UTF8))
        _write(archive, MESSAGES, _messages(data, progress))
        _write(archive, "metrics.csv", csv_lines(METRIC_COLUMNS, data.metric_rows()))
        _write(archive, "results.csv", csv_lines(RESULT_COLUMNS, data.result_rows()))
        if (log := data.log()) is not None:
            archive.write(log, "dubhe.log")
        if images:
            _images(archive, data, progress)
        for model in sorted(_models(data, models) if models is not None else ()):
            progress(model.name)
            archive.write(model, f"models/{model.name}", zipfile.ZIP_STORED)


_UTF8 = ("utf-8", "backslashreplace")


def _write(archive: zipfile.ZipFile, name: str, pieces: Iterable[bytes]) -> None:
    with archive.open(name, "w", force_zip64=True) as member:
        for piece in pieces:
            member.write(piece)


def _messages(data: RunData, progress: Progress) -> Iterator[bytes]:
    for number, record in enumerate(data.messages()):
        line = {
            "topic": record.topic,
            "timestamp_ms": record.timestamp_ms,
            "headers": dict(record.headers),
            "value": record.value,
        }
        if number % EVERY == 0:
            progress(f"{MESSAGES}: {number}")
        yield json.dumps(line, ensure_ascii=True).encode() + b"\n"


def _images(archive: zipfile.ZipFile, data: RunData, progress: Progress) -> None:
    names: dict[str, str] = {}
    for path in data.image_paths():
        file = Path(path)
        if "\0" in path or not file.is_absolute() or not file.is_file():
            continue
        member = f"images/{len(names)}{PurePath(path).suffix}"
        progress(member)
        archive.write(file, member, zipfile.ZIP_STORED)
        names[path] = member
    archive.writestr(IMAGES, json.dumps(names))


def _models(data: RunData, folder: Path) -> Iterator[Path]:
    run = data.run
    for model in model_files(folder):
        at = describe(model)["time_ms"]
        if at is not None and at >= run.started_ms and (run.ended_ms is None or at <= run.ended_ms):
            yield model
