"""Data files in the folders that a request names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ARCHIVE_REST = "__MACOSX"  # what macOS puts into its archives beside the files


def list_files(paths: Iterable[str | os.PathLike[str]], suffixes: Iterable[str]) -> list[Path]:
    """Return the data files that a request names: files as they are, and what is below folders.

    Linked folders are entered, each real folder once, so a loop of links does no harm. What begins
    with a dot (``.ipynb_checkpoints``, ``._0.png``) and ``__MACOSX`` is left out, and so is what is
    not a regular file.

    Args:
        paths: usually ``ctx.get(ContextKey.KEY_DATA_PATHS)``.
        suffixes: of the wanted files, such as ``(".png", ".jpg")``; capitals make no difference.

    Returns:
        The files, sorted within each folder of ``paths``.

    Raises:
        FileNotFoundError: there is none, or one of ``paths`` does not exist.
        OSError: a folder cannot be read.

    Examples:
        >>> dubhe_sdk.list_files(ctx.get(ContextKey.KEY_DATA_PATHS), [".png"])
        [PosixPath('/data/train/dent/0.png'), PosixPath('/data/train/good/1.png')]
    """
    wanted = tuple(suffix.lower() for suffix in suffixes)
    given = [Path(path) for path in paths]
    found: list[Path] = []
    for path in given:
        if not path.exists():
            raise FileNotFoundError(f"there is no {path}, which the request names as data")
        found += sorted(files_below(path, wanted, _raise)) if path.is_dir() else [path]
    if not found:
        names = ", ".join(map(str, given)) or "no folder at all"
        raise FileNotFoundError(f"there is no {' or '.join(wanted)} file in {names}")
    return found


def files_below(
    folder: Path, suffixes: tuple[str, ...], unreadable: Callable[[OSError], None]
) -> Iterator[Path]:
    """Yield the files below a folder that `list_files` returns.

    Args:
        folder: where to look.
        suffixes: of the wanted files, in small letters.
        unreadable: called with the error for each folder that cannot be read.
    """
    seen: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        try:
            here = Path(parent).stat()
        except OSError as error:  # it has just gone
            unreadable(error)
            folders.clear()
            continue
        if (here.st_dev, here.st_ino) in seen:
            folders.clear()
            continue
        seen.add((here.st_dev, here.st_ino))
        folders[:] = sorted(filter(_is_data, folders))
        for name in names:
            if name.lower().endswith(suffixes) and _is_data(name):
                path = Path(parent, name)
                if path.is_file():
                    yield path


def _is_data(name: str) -> bool:
    return not name.startswith(".") and name != ARCHIVE_REST


def _raise(error: OSError) -> None:
    raise error
