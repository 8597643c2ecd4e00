"""What the algorithm's Python files mark, define and use."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dubhe_sdk.compat import name_of_2x
from dubhe_sdk.contract.kind import TaskKind

KINDS = {kind.decorator: kind for kind in TaskKind}


@dataclass(frozen=True)
class Method:
    """A method, as it is written."""

    name: str
    line: int
    kind: TaskKind | None
    """What its decorator says; None without one."""
    is_async: bool
    yields: bool


@dataclass(frozen=True)
class Class:
    """A class, as it is written."""

    name: str
    path: Path
    line: int
    is_marked: bool
    takes_context: bool
    """Whether it, or a class that it inherits from, has an ``__init__``."""
    methods: tuple[Method, ...]


@dataclass
class Source:
    """What is known of the app and of the modules beside it that it imports."""

    classes: list[Class] = field(default_factory=list)
    of_2x: list[tuple[Path, int, str]] = field(default_factory=list)
    """File, line and dotted name of what dubhe-sdk 2.x had, whether it works here or not."""
    main_blocks: list[tuple[Path, int]] = field(default_factory=list)
    broken: list[tuple[Path, int, str]] = field(default_factory=list)
    """File, line and reason of what cannot be parsed."""


def read_source(app: Path) -> Source:
    """Read a file, and all modules of its folder that it imports, directly or not."""
    source = Source()
    seen: set[Path] = set()
    waiting = [app]
    while waiting:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        try:
            tree = ast.parse(path.read_bytes(), str(path))
        except (SyntaxError, ValueError) as error:
            source.broken.append((path, getattr(error, "lineno", None) or 1, str(error)))
            continue
        _read(tree, path, source)
        waiting += _imported(tree, path, app.parent)
    return source


def _read(tree: ast.Module, path: Path, source: Source) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            source.classes.append(_class(node, path))
        elif isinstance(node, ast.If) and ast.unparse(node.test) in _MAIN_TESTS:
            source.main_blocks.append((path, node.lineno))
        else:
            line = getattr(node, "lineno", 0)
            source.of_2x += [(path, line, name) for name in _of_2x(node)]


_MAIN_TESTS = ("__name__ == '__main__'", "'__main__' == __name__")


def _class(node: ast.ClassDef, path: Path) -> Class:
    functions = [
        one for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    return Class(
        node.name,
        path,
        node.lineno,
        is_marked="pipeline" in map(_decorator, node.decorator_list),
        takes_context=bool(node.bases) or any(one.name == "__init__" for one in functions),
        methods=tuple(_method(one) for one in functions),
    )


def _method(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Method:
    marks = [KINDS[name] for name in map(_decorator, node.decorator_list) if name in KINDS]
    return Method(
        node.name,
        node.lineno,
        marks[0] if marks else None,
        is_async=isinstance(node, ast.AsyncFunctionDef),
        yields=any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in _own_nodes(node)),
    )


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a function, but not those inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _own_nodes(child)


def _decorator(node: ast.expr) -> str:
    """Return the last part of a decorator's name: ``train`` of ``@dubhe_sdk.train()``."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _of_2x(node: ast.AST) -> Iterator[str]:
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [one.name for one in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        names = [f"{node.module}.{one.name}" for one in node.names]
    elif isinstance(node, ast.Attribute):
        names = [_dotted(node)]
    yield from filter(name_of_2x, names)


def _dotted(node: ast.expr) -> str:
    """Return ``a.b.c`` of a name with attributes; empty for any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _imported(tree: ast.Module, path: Path, root: Path) -> Iterator[Path]:
    """Yield the files of the modules that are imported and lie in the app's folder."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
            base = root
        elif isinstance(node, ast.ImportFrom):
            base = root
            for _ in range(node.level):
                base = path.parent if base is root else base.parent
            module = node.module or ""
            names = [module, *(f"{module}.{one.name}".strip(".") for one in node.names)]
        else:
            continue
        for name in names:
            file = base.joinpath(*name.split("."))
            for candidate in (file.with_suffix(".py"), file / "__init__.py"):
                if name and candidate.is_file():
                    yield candidate
