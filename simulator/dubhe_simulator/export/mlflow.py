"""A run in MLflow's file store: folders of plain text that MLflow reads as they are.

MLflow 3 reads it with ``MLFLOW_ALLOW_FILE_STORE=true``, or takes it into a database by ``mlflow
migrate-filestore``. Written without MLflow: the form is a few lines of text a file, and
MLflow itself opens and closes a file for each point.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dubhe_simulator.errors import CannotStart
from dubhe_simulator.export.output import Progress, silent, whole_folder
from dubhe_simulator.export.run_data import RunData
from dubhe_simulator.i18n import translate

EXPERIMENT = "dubhe"
LONGEST = 6000  # characters of a parameter's value
LONGEST_NAME = 250
FINISHED, FAILED, KILLED, RUNNING = 3, 4, 5, 1
_ALIEN = re.compile(r"[^\w\-./: ]", re.ASCII)


def write_store(data: RunData, store: Path, progress: Progress = silent) -> Path:
    """Write a run into a store, which may hold others; return the run's folder.

    A point's step is which of its metric's points it is. Parameters are those of the request.

    Args:
        data: the run.
        store: the folder ``mlruns``; is made.
        progress: is told how far it is.

    Raises:
        CannotStart: the store has the run already.
        OSError: it cannot be written.
    """
    run, facts = data.run, data.facts()
    view = facts["run"]
    experiment = store / _number(EXPERIMENT)
    if not (experiment / "meta.yaml").exists():
        with whole_folder(experiment) as part:
            meta = {
                "artifact_location": experiment.absolute().as_uri(),
                "creation_time": run.started_ms,
                "experiment_id": experiment.name,
                "last_update_time": run.started_ms,
                "lifecycle_stage": "active",
                "name": EXPERIMENT,
            }
            _yaml(part / "meta.yaml", meta)
    identity = f"{run.instance}\0{run.started_ms}\0{run.number}"
    id_ = hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:32]
    target = experiment / id_
    if target.exists():
        raise CannotStart(translate("export_exists", path=target))
    with whole_folder(target) as part:
        failed = run.status not in (None, 200)
        ended = run.ended_ms is not None
        state = FAILED if failed else FINISHED if ended else RUNNING
        name = view["name"] or data.name
        meta = {
            "artifact_uri": (target / "artifacts").absolute().as_uri(),
            "end_time": run.ended_ms,
            "entry_point_name": "",
            "experiment_id": experiment.name,
            "lifecycle_stage": "active",
            "run_id": id_,
            "run_name": name,
            "run_uuid": id_,
            "source_name": "",
            "source_type": 4,
            "source_version": "",
            "start_time": run.started_ms,
            "status": KILLED if view["stopped"] else state,
            "tags": [],
            "user_id": "dubhe",
        }
        _yaml(part / "meta.yaml", meta)
        for folder in ("artifacts", "metrics", "params", "tags"):
            (part / folder).mkdir()
        params = {path: _text(value)[:LONGEST] for path, value in view["params"].items()}
        for path, key in zip(params, names(params), strict=True):
            _put(part / "params" / key, params[path])
        tags = {"mlflow.runName": name, "mlflow.note.content": view["note"]}
        tags |= {"dubhe.instance": run.instance, "dubhe.tags": ", ".join(view["tags"])}
        for key, text in tags.items():
            if text:
                _put(part / "tags" / key, text)
        metrics = data.metrics()
        for metric, key in zip(metrics, names(metrics), strict=True):
            progress(f"{data.name}: {metric}")
            path = part / "metrics" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8") as out:
                for step, _, time, value in data.points(metric):
                    out.write(f"{time} {value!r} {step}\n")
    return target


def names(given: Iterable[str]) -> list[str]:
    """Return names as MLflow and a file system take them, each once.

    Args:
        given: names of metrics or parameters. One that is a folder of another, as ``loss`` beside
            ``loss/box``, gets an underscore behind it.
    """
    found: list[str] = []
    for name in given:
        parts = [part.strip() for part in _ALIEN.sub("_", name).split("/")]
        kept = "/".join(part for part in parts if part.strip("."))[:LONGEST_NAME].strip("/ ")
        found.append(kept or "_")
    folders = {name[:at] for name in found for at, c in enumerate(name) if c == "/"}
    taken: set[str] = set()
    result = []
    for name in found:
        unique, number = name, 1
        while unique in folders or unique in taken:
            number += 1
            unique = f"{name}_" if number == 2 else f"{name}_{number}"
        taken.add(unique)
        result.append(unique)
    return result


def _number(text: str) -> str:
    """Return a number of an experiment that follows from its name."""
    return str(10**17 + int(hashlib.sha256(text.encode()).hexdigest()[:14], 16))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", "replace")


def _yaml(path: Path, meta: dict[str, Any]) -> None:
    # JSON's texts, numbers, lists and null are YAML's.
    lines = (f"{key}: {json.dumps(value)}\n" for key, value in meta.items())
    path.write_text("".join(lines), "utf-8")
