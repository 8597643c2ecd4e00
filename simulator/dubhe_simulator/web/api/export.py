"""``/api/export`` and ``/api/import``: runs as files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.export.archive import write_archive
from dubhe_simulator.export.importing import import_archive
from dubhe_simulator.export.report import write_report
from dubhe_simulator.export.run_data import RunData
from dubhe_simulator.web.api.params import choice
from dubhe_simulator.web.api.resource import Resource

FORMS = {"html": "text/html; charset=utf-8", "zip": "application/zip"}
LARGEST = 8 * 1024**3  # bytes of an import


class ExportResource(Resource):
    """GET /api/export."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Return runs as one page (``form=html``), or one run as a zip (``form=zip``)."""
        form = choice(req, "form", tuple(FORMS), "html")
        platform = self._platform
        platform.ingest.settle()
        found = map(platform.registry.runs.get, self.runs_wanted(req))
        runs = [RunData(platform.registry, platform.database, run) for run in found if run]
        if not runs or (form == "zip" and len(runs) > 1):
            raise Refused(f"run is {req.get_param('run')!r}, expected one run for a zip", 400)
        # Beside what it is made of: a folder for temporary files may be small.
        with tempfile.TemporaryDirectory(prefix=".export-", dir=platform.config.runs) as folder:
            path = Path(folder) / "run"
            if form == "zip":
                write_archive(runs[0], path, images=req.get_param_as_bool("images") or False)
            else:
                write_report(runs, path)
            resp.set_stream(path.open("rb"), path.stat().st_size)  # outlives its name
        name = runs[0].name if len(runs) == 1 else "runs"
        resp.content_type = FORMS[form]
        resp.downloadable_as = f"{name}.{form}"


class ImportResource(Resource):
    """POST /api/import."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Take in the zip that is the body."""
        if (req.content_length or 0) > LARGEST:
            raise Refused(f"the body has more than {LARGEST} bytes", 413)
        platform = self._platform
        with tempfile.TemporaryFile(prefix=".import-", dir=platform.config.runs) as file:
            shutil.copyfileobj(req.bounded_stream, file)
            file.seek(0)
            run = import_archive(file, platform.registry, platform.ingest)
        resp.media = {"run": platform.run_view(run.id)}
