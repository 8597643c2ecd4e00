"""Runs are saved and taken in over HTTP."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from tests.dubhe_simulator.export.stored import TRAIN, fill
from tests.dubhe_simulator.ui import Ui


def test_a_run_goes_from_one_platform_to_another(tmp_path: Path) -> None:
    fill(tmp_path / "runs")
    kind = {"Content-Type": "application/zip", "X-Dubhe": "1"}
    with Ui(tmp_path / "runs") as ui:
        status, headers, content = ui.raw("GET", "/api/export?form=zip&run=1")
        assert status == 200
        assert headers["content-type"] == "application/zip"
        assert f'filename="{TRAIN}-1.zip"' in headers["content-disposition"]
        assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
        status, headers, page = ui.raw("GET", "/api/export?form=html&run=1,2")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert page.startswith(b"<!doctype html>")
        assert ui.raw("GET", "/api/export?form=zip&run=1,2")[0] == 400
        assert ui.raw("GET", "/api/export?form=zip&run=99")[0] == 404
        assert ui.raw("POST", "/api/import", content, **kind)[0] == 409
        assert not list((tmp_path / "runs").glob(".export-*"))
    with Ui(tmp_path / "other") as ui:
        status, _, reply = ui.raw("POST", "/api/import", content, **kind)
        assert status == 200
        assert json.loads(reply)["run"]["name"] == "first"
        status, _, reply = ui.raw("POST", "/api/import", b"no zip", **kind)
        assert status == 400
        assert "not a run that was exported" in json.loads(reply)["error"]
        assert (
            ui.raw("POST", "/api/import", content, **{"Content-Type": "application/zip"})[0] == 403
        )
