"""Runs the algorithm's ``app.py`` as ``__main__``, as Python would, and constructs its class."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.registry import Pipeline
from dubhe_sdk.errors import AppInvalid

# Python clears the module that it replaces once nothing refers to it; its code is still running.
_replaced: list[ModuleType] = []


def run_app(path: Path, arguments: list[str]) -> None:
    """Execute the file as the module ``__main__``.

    As ``__main__`` and under no other name: model files pickle classes of ``app.py`` as
    ``__main__.Net``, and must be readable by every instance, also those trained elsewhere.
    Processes spawned by multiprocessing find the file by ``__main__.__file__``.

    Raises:
        BaseException: whatever the app's own code raises.
    """
    module = ModuleType("__main__")
    module.__file__ = str(path)
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    _replaced.append(sys.modules["__main__"])
    sys.modules["__main__"] = module
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.parent))
    # Without the flags of this file, such as that of its `annotations`.
    code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    exec(code, module.__dict__)


def construct(pipeline: Pipeline, context: Context) -> Callable[[Context], Any]:
    """Construct the algorithm's class; return the method to call for each request.

    Raises:
        AppInvalid: the class or the method does not take a context, and nothing else.
        BaseException: whatever the constructor raises.
    """
    cls: Any = pipeline.cls
    name = pipeline.method
    if cls.__init__ is object.__init__ and cls.__new__ is object.__new__:
        raise AppInvalid(
            f"the class {cls.__qualname__} has no __init__(self, ctx); expected one, since it is "
            f"constructed as {cls.__qualname__}(ctx)"
        )
    _check_takes_context(cls, cls.__qualname__, "__init__")
    method: Any = getattr(cls(context), name)
    if not callable(method):
        raise AppInvalid(f"{cls.__qualname__}.{name} cannot be called; expected a method")
    _check_takes_context(method, f"{cls.__qualname__}.{name}", name)
    bound: Callable[[Context], Any] = method
    return bound


def _check_takes_context(called: Callable[..., Any], name: str, definition: str) -> None:
    try:
        signature = inspect.signature(called)
    except (ValueError, TypeError):  # compiled code may have none
        return
    try:
        signature.bind(object())
    except TypeError as error:
        raise AppInvalid(
            f"{name} cannot be called with ctx alone ({error}); expected "
            f"`def {definition}(self, ctx)`"
        ) from None
