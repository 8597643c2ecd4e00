"""Runs the algorithm's file as a module of its own name, which is also ``__main__``, and
constructs its class.

Under its own name, so that an ``if __name__ == "__main__":`` block in it, for trying it by hand,
does not run in the service, and so that what it pickles can be read wherever the file can be
imported. Model files that pickle its classes as ``__main__.Net`` load as well.

Processes that multiprocessing spawns find the file by ``__main__.__file__``, and launchers that
start it again by ``sys.argv[0]``; a ``__spec__`` would make them use ``python -m``.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    ExtensionFileLoader,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.registry import Pipeline
from dubhe_sdk.errors import AppInvalid

# Python clears the module that it replaces once nothing refers to it; its code is still running.
_replaced: list[ModuleType] = []


def run_app(path: Path, arguments: list[str], module: str = "") -> str:
    """Execute the file; return the name of its module.

    Args:
        path: source, compiled (``.pyc``) or an extension module (``.so``).
        arguments: ``sys.argv`` after the file.
        module: the name to import it by, which says in which folder its package lies; empty for
            its own name, in its own folder.

    Raises:
        BaseException: whatever the app's own code raises.
    """
    _replaced.append(sys.modules["__main__"])
    sys.argv = [str(path), *arguments]
    if module:
        folder = path
        for _ in module.split("."):
            folder = folder.parent
        sys.path.insert(0, str(folder))
        sys.modules["__main__"] = importlib.import_module(module)
        return module
    sys.path.insert(0, str(path.parent))
    name = path.name.partition(".")[0]
    if name in sys.modules or not name:
        name = "__main__"  # a queue.py: this package has imported Python's own
    loader = _loader(name, path)
    spec = spec_from_loader(name, loader, origin=str(path))
    assert spec is not None
    made = module_from_spec(spec)
    made.__file__ = str(path)
    made.__spec__ = None
    sys.modules["__main__"] = sys.modules[name] = made
    loader.exec_module(made)
    return name


def _loader(name: str, path: Path) -> SourceFileLoader | SourcelessFileLoader | ExtensionFileLoader:
    if path.name.endswith(tuple(EXTENSION_SUFFIXES)):
        return ExtensionFileLoader(name, str(path))
    if path.suffix == ".pyc":
        return SourcelessFileLoader(name, str(path))
    return SourceFileLoader(name, str(path))


def construct(pipeline: Pipeline, context: Context) -> Callable[[Any], Any]:
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
    bound: Callable[[Any], Any] = method
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
