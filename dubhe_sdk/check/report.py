"""The lines of `dubhe check`: what will happen, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dubhe_sdk import compat
from dubhe_sdk.check import requirements, run_sh
from dubhe_sdk.check.source import Class, Source, read_source
from dubhe_sdk.contract.kind import TaskKind


class Report(NamedTuple):
    """What `check` found."""

    facts: list[str]
    """What will happen."""
    problems: list[str]
    """What is wrong, and what to do."""


class NoApp(Exception):
    """There is nothing to check; the text says what was looked for."""


def check(given: Path) -> Report:
    """Read an algorithm.

    Args:
        given: its file, or its folder with ``run.sh`` or ``app.py``.

    Raises:
        NoApp: there is neither.
    """
    folder = given if given.is_dir() else given.parent
    script = folder / "run.sh"
    app = _app(given, script)
    source = read_source(app)
    facts = [f"{app} is served", *_served(source, app)]
    facts += [
        f'{path}:{line}: the block `if __name__ == "__main__":` does not run in the service'
        for path, line in source.main_blocks
        if path == app
    ]
    wrong = [*_broken(source), *_of_classes(source, app), *_of_2x(source)]
    if script.is_file():
        wrong += run_sh.problems(script)
    listed = folder / "requirements.txt"
    if listed.is_file():
        wrong += requirements.problems(listed)
    return Report(facts, wrong)


def _app(given: Path, script: Path) -> Path:
    if given.is_file():
        return given
    started = run_sh.started_file(script) if script.is_file() else None
    for app in (started, given / "app.py"):
        if app is not None and app.is_file():
            return app
    raise NoApp(
        f"{given} contains neither an app.py nor a run.sh that starts a Python file: name the "
        "algorithm's file"
    )


def _served(source: Source, app: Path) -> Iterator[str]:
    for kind in TaskKind:
        found = _methods(source, app, kind)
        if found:
            yield f"{kind.decorator}: {', '.join(found)}"
        else:
            yield f"{kind.decorator}: no method is marked @dubhe_sdk.{kind.decorator}()"


def _methods(source: Source, app: Path, kind: TaskKind) -> list[str]:
    """Return the methods for a kind; those of the app itself are preferred to imported ones."""
    every = [
        (cls, method.name)
        for cls in source.classes
        if cls.is_marked
        for method in cls.methods
        if method.kind is kind
    ]
    own = [one for one in every if one[0].path == app]
    return [f"{cls.name}.{name} ({cls.path.name}:{cls.line})" for cls, name in own or every]


def _broken(source: Source) -> Iterator[str]:
    for path, line, reason in source.broken:
        yield f"{path}:{line} cannot be parsed: {reason}"


def _of_classes(source: Source, app: Path) -> Iterator[str]:
    if not any(cls.is_marked for cls in source.classes):
        yield "no class is marked @dubhe_sdk.pipeline(): mark the class of your model"
    for cls in source.classes:
        yield from _of_class(cls)
    for kind in TaskKind:
        found = _methods(source, app, kind)
        if len(found) > 1:
            yield f"{len(found)} methods are marked {kind.decorator}: {', '.join(found)}; keep one"


def _of_class(cls: Class) -> Iterator[str]:
    where = f"{cls.path}:{cls.line}: class {cls.name}"
    marked = [method for method in cls.methods if method.kind is not None]
    if marked and not cls.is_marked:
        yield f"{where} has marked methods, but is not marked itself: @dubhe_sdk.pipeline()"
    if not cls.is_marked:
        return
    if not marked:
        yield f"{where} is marked, but none of its methods is: @dubhe_sdk.train() and so on"
    if not cls.takes_context:
        yield f"{where} has no __init__(self, ctx); it is constructed as {cls.name}(ctx)"
    for method in marked:
        what = "async" if method.is_async else "a generator (it has a yield)"
        if method.is_async or method.yields:
            yield f"{cls.path}:{method.line}: {method.name} is {what}; expected a plain method"


def _of_2x(source: Source) -> Iterator[str]:
    found = (
        f"{path}:{line}: {compat.refusal(name)}"
        for path, line, name in source.of_2x
        if not compat.works(name)
    )
    yield from dict.fromkeys(found)  # a.b.c is an attribute of an attribute
