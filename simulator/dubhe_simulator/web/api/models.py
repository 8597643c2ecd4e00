"""``/api/models/NAME``: a model file, to save."""

from __future__ import annotations

from pathlib import Path

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.platform.platform import Platform
from dubhe_simulator.web.api.resource import Resource


def model_named(platform: Platform, path: str) -> Path:
    """Return one of the algorithm's model files.

    Args:
        platform: whose algorithm.
        path: its path or its name.

    Raises:
        Refused: there is none.
    """
    for model in platform.factory.models():
        if path in (str(model), model.name):
            return model
    raise Refused(f"there is no model {path!r}", 404)


class ModelResource(Resource):
    """GET /api/models/NAME."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        """Return the file."""
        model = model_named(self._platform, name)
        try:
            size = model.stat().st_size
            resp.set_stream(model.open("rb"), size)
        except OSError as error:  # a folder, or it has just gone
            raise Refused(f"{name} cannot be read: {error.strerror}", 404) from None
        resp.content_type = "application/octet-stream"
        resp.downloadable_as = model.name
