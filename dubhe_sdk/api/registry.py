"""The decorators, and what they have marked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, overload

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.errors import AppInvalid

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__dubhe_kind__"
_pipelines: dict[tuple[str, str], type] = {}


class Pipeline(NamedTuple):
    """A class and the name of its method for one kind of task."""

    cls: type
    method: str
    kind: TaskKind


@overload
def pipeline(cls: C, /) -> C: ...
@overload
def pipeline() -> Callable[[C], C]: ...
def pipeline(cls: C | None = None, /) -> C | Callable[[C], C]:
    """Mark a class as an algorithm. It is constructed once, at start, as ``Class(ctx)``.

    Example:
        >>> @dubhe_sdk.pipeline()
        ... class Model:
        ...     def __init__(self, ctx: dubhe_sdk.Context): ...
        ...     @dubhe_sdk.train()
        ...     def train(self, ctx: dubhe_sdk.Context): ...
    """

    def mark(cls: C) -> C:
        _pipelines[(cls.__module__, cls.__qualname__)] = cls
        return cls

    return mark if cls is None else mark(cls)


def _method_decorator(kind: TaskKind, doc: str) -> Any:
    def decorator(method: F | None = None, /) -> F | Callable[[F], F]:
        def mark(method: F) -> F:
            function = getattr(method, "__func__", method)  # staticmethod and classmethod too
            if inspect.iscoroutinefunction(function):
                raise AppInvalid(
                    f"@dubhe_sdk.{kind.value}() marks {function.__qualname__}, an async method; "
                    "expected a plain one: write `def` without `async`"
                )
            setattr(function, _MARK, kind)
            return method

        return mark if method is None else mark(method)

    decorator.__name__ = decorator.__qualname__ = kind.value
    decorator.__doc__ = doc
    return decorator


train = _method_decorator(
    TaskKind.TRAIN, "Mark the method that trains, called as ``method(ctx)`` for each request."
)
predict = _method_decorator(
    TaskKind.PREDICT,
    "Mark the method that evaluates offline, called as ``method(ctx)`` for each request.",
)
inference = _method_decorator(
    TaskKind.INFERENCE,
    "Mark the method that infers online, called as ``method(ctx)`` for each request. What it "
    "returns is the reply's ``data``.",
)


def pipelines() -> list[Pipeline]:
    """Return every marked method of every marked class."""
    found = []
    for cls in _pipelines.values():
        for name in dir(cls):
            kind = getattr(inspect.getattr_static(cls, name, None), _MARK, None)
            if kind is None:
                kind = getattr(
                    getattr(inspect.getattr_static(cls, name, None), "__func__", None), _MARK, None
                )
            if isinstance(kind, TaskKind):
                found.append(Pipeline(cls, name, kind))
    return found


def find(kind: TaskKind) -> Pipeline:
    """Return the one pipeline for a kind of task.

    Raises:
        AppInvalid: there is none, or more than one.
    """
    every = pipelines()
    fitting = [one for one in every if one.kind is kind]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(f"{one.cls.__qualname__}.{one.method}" for one in fitting)
        raise AppInvalid(
            f"{len(fitting)} methods are marked @dubhe_sdk.{kind.value}(): {names}; expected one"
        )
    if not _pipelines:
        raise AppInvalid(
            "the app has no class marked @dubhe_sdk.pipeline(): mark the class of your model"
        )
    others = ", ".join(f"{one.cls.__qualname__}.{one.method} ({one.kind.value})" for one in every)
    raise AppInvalid(
        f"the instance is of kind {kind.value}, but no pipeline class has a method marked "
        f"@dubhe_sdk.{kind.value}(); found: {others or 'no marked methods'}"
    )


def default_kind() -> TaskKind | None:
    """Return the kind that an app started by hand serves: training before the others."""
    kinds = {one.kind for one in pipelines()}
    return next((kind for kind in TaskKind if kind in kinds), None)
