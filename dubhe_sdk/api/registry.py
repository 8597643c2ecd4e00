"""The decorators, and what they have marked.

Every process that imports the algorithm imports this, data loaders and pools too: so nothing is
imported here that takes long, such as `inspect` and `typing`.
"""

from __future__ import annotations

from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.errors import AppInvalid, KindUnsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ParamSpec, TypeVar, overload

    C = TypeVar("C", bound=type)
    P = ParamSpec("P")
    R = TypeVar("R")

_MARK = "__dubhe_kind__"
_ALL_RANKS = "__dubhe_all_ranks__"
_BATCHES = "__dubhe_batches__"
_pipelines: dict[tuple[str, str], type] = {}
_on_mark: list[Callable[[type], object]] = []


class BatchLimits:
    """How inferences are put together.

    Args:
        size: most requests in a call, from 2.
        wait_seconds: longest time that a request waits for others while the model is at work.
    """

    __slots__ = ("size", "wait_seconds")

    def __init__(self, size: int, wait_seconds: float) -> None:
        self.size = size
        self.wait_seconds = wait_seconds


class Pipeline:
    """A class and the name of its method for one kind of task.

    Args:
        cls: the class.
        method: the method's name.
        kind: of task.
        all_ranks: whether the progress of every rank is reported, and not that of rank 0 alone.
        batches: None if the method takes one request at a time.
    """

    __slots__ = ("all_ranks", "batches", "cls", "kind", "method")

    def __init__(
        self,
        cls: type,
        method: str,
        kind: TaskKind,
        all_ranks: bool = False,
        batches: BatchLimits | None = None,
    ) -> None:
        self.cls = cls
        self.method = method
        self.kind = kind
        self.all_ranks = all_ranks
        self.batches = batches


def on_mark(callback: Callable[[type], object]) -> None:
    """Have a function called with each class that is marked from now on."""
    _on_mark.append(callback)


if TYPE_CHECKING:

    @overload
    def pipeline(cls: C, /) -> C: ...
    @overload
    def pipeline() -> Callable[[C], C]: ...


def pipeline(cls: C | None = None, /) -> C | Callable[[C], C]:
    """Mark a class as an algorithm.

    The service constructs the one class whose marked method fits the instance's kind of task:
    once, at start, as ``Class(ctx)``. The class is returned unchanged, so it can be used, tested
    and pickled as before. With or without parentheses.

    Examples:
        >>> @dubhe_sdk.pipeline()
        ... class Model:
        ...     def __init__(self, ctx: dubhe_sdk.Context) -> None: ...
        ...     @dubhe_sdk.train()
        ...     def train(self, ctx: dubhe_sdk.Context) -> None: ...
    """

    def mark(cls: C) -> C:
        _pipelines[(cls.__module__, cls.__qualname__)] = cls
        for callback in _on_mark:
            callback(cls)
        return cls

    return mark if cls is None else mark(cls)


if TYPE_CHECKING:

    @overload
    def train(method: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def train(*, all_ranks: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def train(method: Callable[..., Any] | None = None, /, *, all_ranks: bool = False) -> Any:
    """Mark the method that trains, called as ``method(ctx)`` for each request.

    The task ended well if the method returns; END with status 300 is sent if it raises. What it
    returns is ignored. The method is returned unchanged. With or without parentheses.

    Args:
        method: what is marked.
        all_ranks: if a launcher (torchrun, Lightning, accelerate) starts the app again for further
            ranks, report the progress of all of them. By default it is that of rank 0; results
            are reported by every rank.

    Raises:
        AppInvalid: the method is ``async``, or has a ``yield``.

    Examples:
        >>> @dubhe_sdk.train()
        ... def train(self, ctx: dubhe_sdk.Context) -> None:
        ...     ctx.logProgressByEpoch(1, 1.0, {"loss": 0.31})
    """
    return _decorate(TaskKind.TRAIN, method, all_ranks)


if TYPE_CHECKING:

    @overload
    def predict(method: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def predict(*, all_ranks: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def predict(method: Callable[..., Any] | None = None, /, *, all_ranks: bool = False) -> Any:
    """Mark the method that evaluates offline, called as ``method(ctx)`` for each request.

    It reports by `Context.logResult` or `Context.logResultDetails`; what it returns is ignored.
    Otherwise like `train`.

    Args:
        method: what is marked.
        all_ranks: as for `train`.

    Raises:
        AppInvalid: the method is ``async``, or has a ``yield``.

    Examples:
        >>> @dubhe_sdk.predict()
        ... def predict(self, ctx: dubhe_sdk.Context) -> None:
        ...     ctx.logResultDetails("a.png", "scratch", "scratch", 0.97)
    """
    return _decorate(TaskKind.EVALUATE, method, all_ranks)


if TYPE_CHECKING:

    @overload
    def inference(method: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def inference(
        *, max_batch_size: int = 1, max_wait_ms: float = 5
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def inference(
    method: Callable[..., Any] | None = None,
    /,
    *,
    max_batch_size: int = 1,
    max_wait_ms: float = 5,
) -> Any:
    """Mark the method that infers online, called as ``method(ctx)`` for each request.

    What it returns is the reply's ``data``: anything that JSON can express, tensors, dataclasses
    and iterators too; an empty list is a success. If it raises, the reply has ``flag`` 2 and the
    exception's type and text, and the next request is served. With ``DUBHE_INFERENCE_CONCURRENCY``
    above 1 it is called by several threads at once. Otherwise like `train`.

    With ``max_batch_size`` above 1 the method is called as ``method(contexts)`` with a list of 1 to
    ``max_batch_size`` contexts, one for each request, and returns a list of as many results in the
    same order. An exception in that list is the failure of its request alone; one that is raised is
    that of all of them. A model that is idle gets what is there at once, be it a single request.
    While it is at work, requests gather for its next call.

    Args:
        method: what is marked.
        max_batch_size: most requests in a call, 1 to 4096.
        max_wait_ms: milliseconds, 0 to 60 000; counts where a process runs several calls at once
            (``DUBHE_INFERENCE_CONCURRENCY``): a further call begins when it is full, or its first
            request has waited so long.

    Raises:
        AppInvalid: the method is ``async``, or has a ``yield``; or an argument is out of range.

    Examples:
        >>> @dubhe_sdk.inference()
        ... def inference(self, ctx: dubhe_sdk.Context) -> list[dict[str, object]]:
        ...     return [self.infer(name) for name in ctx.get(dubhe_sdk.ContextKey.KEY_IMAGE_NAMES)]

        >>> @dubhe_sdk.inference(max_batch_size=16)
        ... def inference(self, contexts: list[dubhe_sdk.Context]) -> list[object]:
        ...     return self.net(stack([read(ctx) for ctx in contexts])).tolist()
    """
    return _decorate(TaskKind.INFER, method, batches=_batch_limits(max_batch_size, max_wait_ms))


def _batch_limits(size: int, wait_ms: float) -> BatchLimits | None:
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= _LARGEST_BATCH:
        raise AppInvalid(
            f"@dubhe_sdk.inference has max_batch_size={size!r}, expected a whole number from 1 to "
            f"{_LARGEST_BATCH}"
        )
    if not isinstance(wait_ms, (int, float)) or not 0 <= wait_ms <= _LONGEST_WAIT_MS:
        raise AppInvalid(
            f"@dubhe_sdk.inference has max_wait_ms={wait_ms!r}, expected milliseconds from 0 to "
            f"{_LONGEST_WAIT_MS}"
        )
    return BatchLimits(size, wait_ms / 1000) if size > 1 else None


_LARGEST_BATCH = 4096
_LONGEST_WAIT_MS = 60_000


def _decorate(
    kind: TaskKind,
    method: Callable[..., Any] | None,
    all_ranks: bool = False,
    batches: BatchLimits | None = None,
) -> Any:
    """Mark a method, or return the decorator that does."""

    def mark(method: Callable[..., Any]) -> Callable[..., Any]:
        function = getattr(method, "__func__", method)  # staticmethod and classmethod too
        flags = _code_flags(function)
        if flags & (_COROUTINE | _ASYNC_GENERATOR):
            raise AppInvalid(
                f"@dubhe_sdk.{kind.decorator}() marks {function.__qualname__}, an async method; "
                "expected a plain one: write `def` without `async`"
            )
        if flags & _GENERATOR:
            raise AppInvalid(
                f"@dubhe_sdk.{kind.decorator}() marks {function.__qualname__}, a generator: with "
                "`yield` in it, a call runs nothing; expected a plain method without `yield`"
            )
        setattr(function, _MARK, kind)
        setattr(function, _ALL_RANKS, all_ranks)
        setattr(function, _BATCHES, batches)
        return method

    return mark if method is None else mark(method)


# Of code objects, as `inspect` has them.
# https://docs.python.org/3/library/inspect.html#code-objects-bit-flags
_GENERATOR = 0x20
_COROUTINE = 0x80
_ASYNC_GENERATOR = 0x200


def _code_flags(function: Any) -> int:
    """Return what kind of function it is; 0 for what is not written in Python."""
    while type(function).__name__ == "partial":  # of functools
        function = function.func
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    return flags if isinstance(flags, int) else 0


def pipelines() -> list[Pipeline]:
    """Return every marked method of every marked class."""
    import inspect  # when the model looks for its class, and not in every process

    found = []
    for cls in _pipelines.values():
        for name in dir(cls):
            method = inspect.getattr_static(cls, name, None)
            if not hasattr(method, _MARK):
                method = getattr(method, "__func__", None)
            kind = getattr(method, _MARK, None)
            if isinstance(kind, TaskKind):
                all_ranks, batches = getattr(method, _ALL_RANKS), getattr(method, _BATCHES)
                found.append(Pipeline(cls, name, kind, all_ranks, batches))
    return found


def find(kind: TaskKind, script: str = "") -> Pipeline:
    """Return the one pipeline for a kind of task.

    Args:
        kind: of the instance.
        script: the name of the started script's module. A class that it defines itself is
            preferred to those of the modules that it imports, such as an example's.

    Raises:
        KindUnsupported: there are methods, but none for this kind.
        AppInvalid: there is no method at all, or more than one for this kind.
    """
    every = pipelines()
    fitting = [one for one in every if one.kind is kind]
    own = [one for one in fitting if one.cls.__module__ == script]
    if len(own or fitting) == 1:
        return (own or fitting)[0]
    fitting = own or fitting
    if fitting:
        names = ", ".join(f"{one.cls.__qualname__}.{one.method}" for one in fitting)
        raise AppInvalid(
            f"{len(fitting)} methods are marked @dubhe_sdk.{kind.decorator}(): {names}; "
            "expected one"
        )
    if not _pipelines:
        raise AppInvalid(
            "the app has no class marked @dubhe_sdk.pipeline(): mark the class of your model"
        )
    others = ", ".join(
        f"{one.cls.__qualname__}.{one.method} ({one.kind.decorator})" for one in every
    )
    raise (KindUnsupported if every else AppInvalid)(
        f"the instance is of kind {kind.decorator}, but no pipeline class has a method marked "
        f"@dubhe_sdk.{kind.decorator}(); found: {others or 'no marked methods'}"
    )


def default_kind() -> TaskKind | None:
    """Return the kind that an app started by hand serves: training before the others."""
    kinds = {one.kind for one in pipelines()}
    return next((kind for kind in TaskKind if kind in kinds), None)
