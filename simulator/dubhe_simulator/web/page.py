"""The page's own files."""

from __future__ import annotations

import mimetypes
from pathlib import Path

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.web.api.resource import is_known

FOLDER = Path(__file__).with_name("page")
INDEX = "index.html"


class PageResource:
    """GET / and the files beside it."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str = INDEX) -> None:
        """Return a file. Names are looked up in the folder's list, so none leads out of it."""
        try:
            files = {path.name: path for path in self._folder.iterdir() if path.is_file()}
            content = files[name].read_bytes()
        except (OSError, KeyError):
            raise Refused(f"there is no {name!r} in the page", 404) from None
        if is_known(req, resp, content, "no-cache"):
            return
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        resp.content_type = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
        resp.data = content
