"""Image files that results name: only below folders that were given, and never by their path."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable
from pathlib import Path

from dubhe_simulator.platform.managed.previews import Facts, Previews
from dubhe_simulator.platform.storage.database import Database

TOKEN_LENGTH = 24
_BYTE = re.compile(rb"\\x([89a-f][0-9a-f])")
MEDIA_TYPES = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".jfif": "image/jpeg",
    ".jpe": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
}


class ImageFiles:
    """Finds files.

    Args:
        folders: what may be served; everything below them.
        database: has the paths of results.
    """

    def __init__(self, folders: Iterable[Path], database: Database) -> None:
        given = list(folders)
        self.folders = [folder.resolve() for folder in given]
        self._named = {*self.folders, *(folder.absolute() for folder in given)}
        self.previews = Previews()
        self._database = database
        self._secret = database.secret

    def url(self, result: int, path: str, *, turned: bool) -> str | None:
        """Return where the page gets a result's image; None if it may not, or there is none."""
        if self.find(path) is None:
            return None
        # Another address, since browsers keep images by theirs.
        return f"/api/images/{result}-{self._sign(result, path)}?turned={int(turned)}"

    def facts(self, path: str) -> Facts | None:
        """Return what is known of a result's image; None if that is nothing."""
        try:
            file = self.find(path)
            return None if file is None else self.previews.facts(file)
        except OSError:
            return None  # it has just gone

    def open(self, token: str) -> Path | None:
        """Return the file that a token of `url` stands for."""
        number, _, signature = token.partition("-")
        if not number.isdecimal() or len(number) > 18:
            return None
        rows = self._database.rows("SELECT img_path FROM results WHERE id = ?", (int(number),))
        if not rows or not hmac.compare_digest(
            signature.encode(), self._sign(int(number), rows[0][0]).encode()
        ):
            return None
        return self.find(rows[0][0])

    def find(self, path: str) -> Path | None:
        """Return the file that a result's ``img_path`` means.

        A relative path is taken from each of the folders, since
        algorithms report paths as they opened them.
        """
        if self._kind(path) is None:
            return None
        return next(filter(None, map(self._inside, self._candidates(path))), None)

    def why_not(self, path: str) -> str:
        """Return why `url` gives none: ``kind``, ``outside`` or ``missing``.

        Of a path outside the folders nothing is told, not even whether there is a file.
        """
        if self._kind(path) is None:
            return "kind"
        places = [Path(os.path.normpath(candidate)) for candidate in self._candidates(path)]
        inside = any(place.is_relative_to(folder) for place in places for folder in self._named)
        return "missing" if inside else "outside"

    def _kind(self, path: str) -> str | None:
        return MEDIA_TYPES.get(Path(path).suffix.lower()) if path and "\0" not in path else None

    def _candidates(self, path: str) -> list[Path]:
        # The SDK writes the bytes of a name that is not UTF-8 so, since a message is text.
        raw = _BYTE.sub(lambda found: bytes([int(found[1], 16)]), path.encode("utf-8", "replace"))
        found = []
        for named in dict.fromkeys((Path(path), Path(os.fsdecode(raw)))):
            found += [named] if named.is_absolute() else [f / named for f in self.folders]
        return found

    def _inside(self, candidate: Path) -> Path | None:
        try:
            real = candidate.resolve(strict=True)
            if real.is_file() and any(real.is_relative_to(folder) for folder in self.folders):
                return real
        except (OSError, RuntimeError):  # not there, not readable, or a loop of links
            pass
        return None

    def _sign(self, result: int, path: str) -> str:
        text = f"{result}\0{path}".encode("utf-8", "replace")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()[:TOKEN_LENGTH]
