"""Files and folders that are there as a whole, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dubhe_simulator.errors import CannotStart
from dubhe_simulator.i18n import translate

Progress = Callable[[str], None]


def silent(what: str) -> None:
    """Report to nobody."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; the file has its name when the block has ended well.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill; it has its name when the block has ended well.

    Raises:
        CannotStart: there is something of that name.
        OSError: it cannot be written.
    """
    if path.exists():
        raise CannotStart(translate("export_exists", path=path))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.mkdir()
        yield part
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
