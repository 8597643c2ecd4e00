"""Takes a run's zip into a platform: its messages are received once more."""

from __future__ import annotations

import io
import secrets
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from dubhe_simulator.contract.json_safe import decode
from dubhe_simulator.errors import Refused
from dubhe_simulator.export.archive import FORM, MESSAGES, RUN, VERSION
from dubhe_simulator.export.output import Progress, silent
from dubhe_simulator.i18n import translate
from dubhe_simulator.platform.ingest import Ingest
from dubhe_simulator.platform.state.annotations import checked
from dubhe_simulator.platform.state.records import InstanceRecord, Run
from dubhe_simulator.platform.state.registry import InstanceRegistry
from dubhe_simulator.sources.record import InvalidRecord, RecordBatch, SourceRecord, read

BATCH = 500
LARGEST_HEAD = 64 * 1024 * 1024  # bytes of run.json
LONGEST_LINE = 64 * 1024 * 1024
SETTLE_S = 60.0
TAKE_IN_S = 300.0  # without an end, after the last message was handed over


def import_archive(
    file: Path | IO[bytes],
    registry: InstanceRegistry,
    ingest: Ingest,
    progress: Progress = silent,
) -> Run:
    """Take in a run; return it.

    Everything is checked before the first message is taken in.

    Args:
        file: what `archive.write_archive` wrote.
        registry: what the platform knows.
        ingest: takes in messages; it has been started.
        progress: is told how far it is.

    Raises:
        Refused: it is no such file, or the platform has the run, or its instance runs here.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            head = _head(archive)
            for _ in _records(archive, head, "check"):
                pass
            _refuse_known(head, registry)
            _take_in(archive, head, registry, ingest, progress)
    except (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        raise Refused(translate("import_no_run", error=error), 400) from None
    run = _find(head, registry)
    if run is None:
        raise Refused(translate("import_no_run", error=MESSAGES), 400)
    registry.annotate([run.id], head["annotation"])
    if head["provenance"] is not None:
        registry.note_provenance(run.instance, head["provenance"])
    ingest.settle(SETTLE_S)
    return run


def _head(archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        info = archive.getinfo(RUN)
        if info.file_size > LARGEST_HEAD:
            raise ValueError(f"{RUN} has {info.file_size} bytes")
        found = decode(archive.read(RUN).decode())
        if not isinstance(found, dict) or found.get("form") != FORM:
            raise ValueError(f"form is not {FORM}")
        if found["version"] != VERSION:
            raise Refused(translate("import_version", found=found["version"], known=VERSION), 400)
        run, request = found["run"], found["request"]
        view = {name: run[name] for name in ("name", "note", "tags", "hue", "hidden")}
        view["turned"] = run.get("turned", False)  # younger than the form
        head = {
            "instance": _typed(run["instance"], str),
            "started_ms": _typed(run["started_ms"], int),
            "request": None if request is None else _typed(request, dict),
            "inference": bool(found["inference"]),
            "stopped": bool(run.get("stopped")),
            "annotation": checked(view),
            "provenance": found["provenance"] and _typed(found["provenance"], dict),
        }
        if request is not None:
            _typed(request["body"], dict), _typed(request["at_ms"], int), float(request["ms"])
            request["reply"] is None or _typed(request["reply"], dict)
        if head["inference"] and request is None:
            raise ValueError("an inference without its request")
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(translate("import_no_run", error=f"{RUN}: {error!r}"), 400) from None
    return head


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or not value:
        raise TypeError(f"{value!r} is not a {kind.__name__}")
    return value


def _refuse_known(head: dict[str, Any], registry: InstanceRegistry) -> None:
    name = head["instance"]
    with registry.lock:
        record = registry.instances.get(name)
        if record is not None and (record.reported.open_run is not None or record.alive):
            raise Refused(translate("import_running", instance=name))
        if _find(head, registry) is not None:
            raise Refused(translate("import_known", instance=name))


def _find(head: dict[str, Any], registry: InstanceRegistry) -> Run | None:
    with registry.lock:
        for number in reversed(registry.runs.of_instance(head["instance"])):
            run = registry.runs.get(number)
            same = run is not None and run.started_ms == head["started_ms"]
            if run is not None and same and (run.send is not None) == head["inference"]:
                return run
    return None


def _take_in(
    archive: zipfile.ZipFile,
    head: dict[str, Any],
    registry: InstanceRegistry,
    ingest: Ingest,
    progress: Progress,
) -> None:
    name, request = head["instance"], head["request"]
    registry.enter(name, lambda record: _keep(record, head))
    if request is not None:
        answer = request["reply"], request["error"], request["ms"]
        registry.sent(name, request["at_ms"], request["body"], *answer)
    before = _messages(name, registry)
    # A source of its own for each import: one that is forgotten can be imported again.
    source = f"import {secrets.token_hex(6)}"
    taken = 0
    batch: list[SourceRecord] = []
    for record in _records(archive, head, source):
        batch.append(record)
        if len(batch) == BATCH:
            ingest.put(RecordBatch(source, batch, "import"))
            taken += len(batch)
            progress(f"{taken}")
            batch = []
    ingest.put(RecordBatch(source, batch, "import"))
    expected = before + taken + len(batch)
    with registry.changed:
        done = registry.changed.wait_for(lambda: _messages(name, registry) >= expected, TAKE_IN_S)
    if not done:
        raise Refused(translate("import_stuck", error=ingest.storage_error or ""), 503)


def _keep(record: InstanceRecord, head: dict[str, Any]) -> None:
    """Note what the messages do not tell, also of an instance that has none: an inference's."""
    managed, at_ms = record.managed, head["started_ms"]
    managed.created_ms = managed.created_ms or at_ms
    if head["stopped"] and not managed.stopped:  # after its beginning, so its END is that of a stop
        managed.stopped, managed.stopped_ms = True, at_ms


def _messages(name: str, registry: InstanceRegistry) -> int:
    """Return how many messages of an instance were taken in."""
    with registry.lock:
        record = registry.instances.get(name)
        return 0 if record is None else record.reported.messages


def _records(archive: zipfile.ZipFile, head: dict[str, Any], source: str) -> Iterator[SourceRecord]:
    """Yield the messages.

    Raises:
        Refused: a line is none, or of another instance.
    """
    with archive.open(MESSAGES) as member:
        lines = io.BufferedReader(member)  # type: ignore[type-var]
        number = 0
        while line := lines.readline(LONGEST_LINE):
            number += 1
            try:
                raw = decode(line.decode())
                record = SourceRecord(
                    source=source,
                    topic=str(raw["topic"]),
                    partition=None,
                    offset=number,
                    timestamp_ms=int(raw["timestamp_ms"]),
                    headers={str(key): str(text) for key, text in raw["headers"].items()},
                    value=_typed(raw["value"], str),
                )
                instance = read(record).instance_id
                if instance != head["instance"]:
                    raise ValueError(f"a message of {instance!r}")
            except (ValueError, KeyError, TypeError, AttributeError, InvalidRecord) as error:
                where = f"{MESSAGES}, line {number}: {error}"
                raise Refused(translate("import_no_run", error=where), 400) from None
            yield record
