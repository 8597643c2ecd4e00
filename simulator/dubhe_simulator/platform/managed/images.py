"""Image files that results name: only below folders that were given, and never by their path."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from dubhe_simulator.algorithm.dataset import IMAGE_SUFFIXES
from dubhe_simulator.platform.storage.database import Database

TOKEN_LENGTH = 24


class ImageFiles:
    """Finds files.

    Args:
        folders: what may be served; everything below them.
        database: has the paths of results.
    """

    def __init__(self, folders: Iterable[Path], database: Database) -> None:
        self.folders = [folder.resolve() for folder in folders]
        self._database = database
        self._secret = database.secret

    def url(self, result: int, path: str) -> str | None:
        """Return where the page gets a result's image; None if it may not, or there is none."""
        if self.find(path) is None:
            return None
        return f"/api/images/{result}-{self._sign(result, path)}"

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
        if not path or "\0" in path or Path(path).suffix.lower() not in IMAGE_SUFFIXES:
            return None
        named = Path(path)
        candidates = [named] if named.is_absolute() else [f / named for f in self.folders]
        return next(filter(None, map(self._inside, candidates)), None)

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
