"""What all resources of the API have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import falcon

from dubhe_simulator.errors import Refused
from dubhe_simulator.platform.platform import Platform

RUNS = 100


class Resource:
    """Answers requests for one route.

    Args:
        platform: what it shows and controls.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def runs_wanted(self, req: falcon.Request) -> list[int]:
        """Return the runs of ``run=1,2,3``.

        Raises:
            Refused: no number, or no such run.
        """
        texts = [text.strip() for text in (req.get_param("run") or "").split(",")]
        if len(texts) > RUNS or not all(text.isdecimal() and len(text) < 17 for text in texts):
            raise Refused(f"run is {req.get_param('run')!r}, expected numbers of runs: 1,2", 400)
        for text in texts:
            if int(text) not in self._platform.registry.runs:
                raise Refused(f"there is no run {text}", 404)
        return [int(text) for text in texts]


def as_download(resp: falcon.Response, name: str, pieces: Iterator[bytes]) -> None:
    """Make the reply a table to save."""
    resp.content_type = "text/csv; charset=utf-8"
    resp.set_header("Content-Disposition", f'attachment; filename="{name}"')
    resp.stream = pieces


def is_known(req: falcon.Request, resp: falcon.Response, version: bytes, cache: str) -> bool:
    """Return whether the browser has this version of a file; the reply then says so.

    Args:
        req: the request.
        resp: the reply.
        version: changes with the file's content.
        cache: for ``Cache-Control``.
    """
    tag = hashlib.sha256(version).hexdigest()[:20]
    resp.etag = tag
    resp.set_header("Cache-Control", cache)
    known = req.if_none_match and any(etag in (tag, "*") for etag in req.if_none_match)
    if known:
        resp.status = falcon.HTTP_304
    return bool(known)
