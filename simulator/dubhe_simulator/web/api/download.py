"""Tables to save."""

from __future__ import annotations

from collections.abc import Iterator

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.platform.platform import Platform

RUNS = 100


def runs_wanted(req: falcon.Request, platform: Platform) -> list[int]:
    """Return the runs of ``run=1,2,3``.

    Raises:
        Refused: no number, or no such run.
    """
    texts = [text.strip() for text in (req.get_param("run") or "").split(",")]
    if len(texts) > RUNS or not all(text.isdecimal() and len(text) < 17 for text in texts):
        raise Refused(f"run is {req.get_param('run')!r}, expected numbers of runs: 1,2", 400)
    for text in texts:
        if int(text) not in platform.registry.runs:
            raise Refused(f"there is no run {text}", 404)
    return [int(text) for text in texts]


def as_download(resp: falcon.Response, name: str, pieces: Iterator[bytes]) -> None:
    """Make the reply a file to save."""
    resp.content_type = "text/csv; charset=utf-8"
    resp.set_header("Content-Disposition", f'attachment; filename="{name}"')
    resp.stream = pieces
