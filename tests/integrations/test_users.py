"""Trainings of a user that the container does not know, with a read-only root.

Container platforms run images under any UID: it has no entry in the list of users, and no home.
"""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

from tests.dubhe_sdk.integrations.test_lightning import APP as LIGHTNING
from tests.dubhe_sdk.integrations.test_ultralytics import APP as ULTRALYTICS
from tests.dubhe_sdk.service.harness import App
from tests.examples.torch_environment import torch_python
from tests.integrations.support import IMPORT_SECONDS, algorithm, marks, models
from tests.support.distributions import ROOT
from tests.support.users import AS_UNKNOWN_USER, UNKNOWN_UID, in_read_only_root

pytestmark = [*marks, pytest.mark.needs("root", "unshare")]


def trained_by_a_user(folder: Path, source: str) -> App:
    """Run a training; only what the platform mounts for it can be written."""
    python = torch_python()
    with algorithm(folder, source, python) as app:
        output = app.folder / "output" / "models"
        output.mkdir(parents=True)
        app.temporary.mkdir(exist_ok=True)
        volumes = (output, app.temporary, Path(app.env["TMPDIR"]))
        for path in volumes:
            os.chown(path, UNKNOWN_UID, UNKNOWN_UID)
        mounted = in_read_only_root(*volumes)
        app.start([*mounted, *AS_UNKNOWN_USER, str(python), "-u", "app.py"], until=None)
        app.wait_reported("READY", timeout=IMPORT_SECONDS)
        app.train()
        app.wait_reported("END", timeout=IMPORT_SECONDS)
        app.terminate()
        app.wait()
    return app


def written_by_the_user(folder: Path) -> set[str]:
    """Return in which of the folder's own folders the user has written."""
    found = [path for path in folder.rglob("*") if path.lstat().st_uid == UNKNOWN_UID]
    return {path.relative_to(folder).parts[0] for path in found}


def test_ultralytics(tmp_path: Path) -> None:
    """It draws plots too, for which Matplotlib wants a folder of settings."""
    folder = tmp_path / "algorithm"
    module = runpy.run_path(str(ROOT / "examples" / "ultralytics" / "prepare.py"))
    module["prepare"](folder / "data", {"train": 16, "val": 8})
    (folder / "data" / "data.yaml").write_text(
        f"train: {folder}/data/train\nval: {folder}/data/val\nnames: [dent, scratch]\n"
    )
    app = trained_by_a_user(folder, ULTRALYTICS.replace("plots=False, val", "plots=True, val"))
    assert app.ends()[0]["status"] == 200, app.console
    assert len(models(app)) == 1
    assert written_by_the_user(folder) == {"output", "temporary", "tmp"}


def test_lightning(tmp_path: Path) -> None:
    source = LIGHTNING.replace('root_dir="output"', 'root_dir="output/models"')
    app = trained_by_a_user(tmp_path / "algorithm", source)
    assert app.ends()[0]["status"] == 200, app.console
    assert len(models(app)) == 1
    assert written_by_the_user(app.folder) == {"output", "temporary", "tmp"}
