"""A run as a zip, and the same run in another platform."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from dubhe_simulator.errors import Refused
from dubhe_simulator.export.archive import write_archive
from dubhe_simulator.export.importing import import_archive
from dubhe_simulator.platform.state.status import state_of
from tests.dubhe_simulator.export.stored import (
    EPOCHS,
    TRAIN,
    content,
    fill_stopped,
    opened,
    reading,
)
from tests.page.store import BEGAN_MS


def archives(stored: Path, folder: Path) -> list[Path]:
    paths = []
    with reading(stored) as runs:
        for data in runs:
            paths.append(folder / f"{data.run.id}.zip")
            write_archive(data, paths[-1])
    return paths


def test_its_parts_are_plain_files(stored: Path, tmp_path: Path) -> None:
    first = archives(stored, tmp_path)[0]
    with zipfile.ZipFile(first) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["run.json", "messages.jsonl", "metrics.csv", "results.csv"]
        head = json.loads(archive.read("run.json"))
        lines = archive.read("messages.jsonl").decode().splitlines()
        table = archive.read("metrics.csv").decode("utf-8-sig")
    assert (head["form"], head["version"]) == ("dubhe-run", 1)
    assert head["run"]["name"] == "first"
    assert head["request"]["body"]["special_params"] == {"lr": 0.1, "名": "值"}
    assert len(lines) == EPOCHS + 2, "of this run, not of the instance's next one"
    losses = [row for row in csv.DictReader(io.StringIO(table)) if row["metric"] == "loss"]
    assert [row["value"] for row in losses][:4] == ["1.0", "0.5", "NaN", "0.25"]


def test_an_import_gives_the_same_runs(stored: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with opened(other) as (registry, ingest):
        for path in archives(stored, tmp_path):
            import_archive(path, registry, ingest)
    with reading(stored) as runs:
        expected = [content(data) for data in runs]
    with reading(other) as runs:
        assert [content(data) for data in runs] == expected
    assert [each["results"] != [] for each in expected] == [False, False, True, True]


def test_an_imported_run_goes_on_existing_when_all_is_derived_anew(
    stored: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    with opened(other) as (registry, ingest):
        for path in archives(stored, tmp_path):
            import_archive(path, registry, ingest)
        with ingest._database.transaction() as write:
            write.execute("UPDATE meta SET value = 'older' WHERE key = 'derived'")
    with opened(other):
        pass
    with reading(stored) as before, reading(other) as after:
        assert sorted(map(_points, after), key=str) == sorted(map(_points, before), key=str)


def _points(data: object) -> object:
    return content(data)["points"]  # type: ignore[arg-type]


def test_a_stop_is_told_from_a_failure_also_after_an_import(tmp_path: Path) -> None:
    expected = fill_stopped(tmp_path / "runs")
    with reading(tmp_path / "runs") as runs:
        assert {data.run.instance: data.facts()["run"]["stopped"] for data in runs} == expected
    with opened(tmp_path / "other") as (registry, ingest):
        for path in archives(tmp_path / "runs", tmp_path):
            import_archive(path, registry, ingest)
        states = {name: state_of(record, "")[0] for name, record in registry.instances.items()}
    assert {name: state == "stopped" for name, state in states.items()} == expected
    with reading(tmp_path / "other") as runs:
        assert {data.run.instance: data.facts()["run"]["stopped"] for data in runs} == expected


def test_a_run_is_imported_once_and_again_after_it_was_forgotten(
    stored: Path, tmp_path: Path
) -> None:
    first = archives(stored, tmp_path)[0]
    with opened(tmp_path / "other") as (registry, ingest):
        import_archive(first, registry, ingest)
        with pytest.raises(Refused, match="is there already"):
            import_archive(first, registry, ingest)
        registry.forget(TRAIN)
        ingest.settle(30)
        run = import_archive(first, registry, ingest)
        assert registry.curves.of(run.id)["loss"].points == EPOCHS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"run.json": b"{}"}, "form is not dubhe-run"),
        ({"run.json": b"\xff"}, "run.json"),
        ({"run.json": None}, "run.json"),
        ({"messages.jsonl": None}, "messages.jsonl"),
        ({"messages.jsonl": b"{}\n"}, "messages.jsonl, line 1"),
        ({"messages.jsonl": b"no json\n"}, "messages.jsonl, line 1"),
        ({"version": 2}, "version 2"),
        ({"instance": "another-a1-train-1"}, "a message of"),
    ],
)
def test_what_is_no_run_is_refused_and_changes_nothing(
    stored: Path, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    first = archives(stored, tmp_path)[0]
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(first) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            found: object = change.get(name, source.read(name))
            if name == "run.json" and isinstance(found, bytes) and len(found) > 10:
                head = json.loads(found)
                head["version"] = change.get("version", 1)
                head["run"]["instance"] = change.get("instance", TRAIN)
                found = json.dumps(head)
            if isinstance(found, (bytes, str)):
                target.writestr(name, found)
    with opened(tmp_path / "other") as (registry, ingest):
        with pytest.raises(Refused, match=reason):
            import_archive(bad, registry, ingest)
        assert registry.instances == {}


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK\x03\x04 and nothing more")
    with (
        opened(tmp_path / "other") as (registry, ingest),
        pytest.raises(Refused, match="not a run that was exported"),
    ):
        import_archive(bad, registry, ingest)


def test_images_and_models_go_with_it_if_wanted(stored: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for shift in (0, 3600):
        stamp = datetime.fromtimestamp(BEGAN_MS / 1000 + shift).strftime("%Y%m%d%H%M%S")
        (models / f"model_{stamp}050_1_0.50.pkl").write_text(str(shift))
    with reading(stored) as runs:
        write_archive(runs[0], tmp_path / "run.zip", images=True, models=models)
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        assert json.loads(archive.read("images.json")) == {}, "none of them is on this machine"
        [model] = [name for name in archive.namelist() if name.startswith("models/")]
        assert archive.read(model) == b"0", "only that of the time of the run"
