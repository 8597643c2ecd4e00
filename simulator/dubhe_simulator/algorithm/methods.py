"""Which kinds of task an algorithm's own files have a method for, as far as can be read in them.

Nothing is imported: that would run the algorithm. Followed are the imports from ``app.py`` to files
of its folder.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from dubhe_sdk.contract.kind import TaskKind

APP = "app.py"
MOST = 200  # files: an algorithm of more is not looked through
_PIPELINE = "pipeline"
_SDK = "dubhe_sdk"
_BY_DECORATOR = {kind.decorator: kind for kind in TaskKind}

_Seen = tuple[tuple[Path, int, int], ...]


class AppMethods:
    """Looks again only when a file has changed.

    Args:
        folder: with ``app.py``; None if there is none to read.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._seen: _Seen = ()
        self._missing: frozenset[TaskKind] = frozenset()

    def missing(self) -> frozenset[TaskKind]:
        """Return the kinds that no method is marked for; empty if that cannot be told."""
        if self._folder is None:
            return frozenset()
        if not self._seen or _versions(path for path, *_ in self._seen) != self._seen:
            try:
                files, found = _read(self._folder)
            except (OSError, SyntaxError, ValueError, RecursionError):
                files, found = set(), set()
            self._seen = _versions(sorted(files))
            told = _PIPELINE in found and len(files) < MOST
            self._missing = frozenset(
                kind for name, kind in _BY_DECORATOR.items() if told and name not in found
            )
        return self._missing


def _versions(files: Iterator[Path] | list[Path]) -> _Seen:
    found = []
    for file in files:
        try:
            stat = file.stat()
        except OSError:
            return ()
        found.append((file, stat.st_mtime_ns, stat.st_size))
    return tuple(found)


def _read(folder: Path) -> tuple[set[Path], set[str]]:
    """Return the files that `APP` imports from its folder, and what they use of the SDK."""
    waiting, files, found = [folder / APP], set[Path](), set[str]()
    while waiting and len(files) < MOST:
        file = waiting.pop()
        if file in files or not file.is_file():
            continue
        files.add(file)
        for node in ast.walk(ast.parse(file.read_bytes())):
            found |= _named(node)
            waiting += _imported(node, folder, file)
    return files, found


def _named(node: ast.AST) -> set[str]:
    """Return what a node uses of the SDK: ``dubhe_sdk.train``, ``from dubhe_sdk import train``."""
    if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == _SDK:
        return {alias.name for alias in node.names}
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return {node.attr} if node.value.id == _SDK else set()
    found = set[str]()
    for decorator in getattr(node, "decorator_list", ()):  # of a name that the SDK may have here
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(called, ast.Attribute):
            found.add(called.attr)
        elif isinstance(called, ast.Name):
            found.add(called.id)
    return found


def _imported(node: ast.AST, folder: Path, file: Path) -> Iterator[Path]:
    """Yield where files may be that an import names."""
    if isinstance(node, ast.Import):
        names = [(folder, alias.name) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = folder if not node.level else file.parents[node.level - 1]
        module = f"{node.module}." if node.module else ""
        names = [(base, f"{module}{alias.name}") for alias in node.names]
    else:
        return
    for base, name in names:
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            place = base.joinpath(*parts[:length])
            yield place.with_name(f"{place.name}.py")
            yield place / "__init__.py"
