"""What ``dubhe_sdk.service.Logger`` of dubhe-sdk 2.x can mean here: a logger that writes the log.

Whether an algorithm takes the name for a module, a class or a logger, it gets the same one: that of
``ctx.local_logger``. Nothing is written, and no file opened, before the first line.

Examples:
    >>> from dubhe_sdk.service import Logger
    >>> Logger.info("%d images", 3)
    >>> from dubhe_sdk.service.Logger import Logger
    >>> Logger("name").info("%d images", 3)
"""

# ruff: noqa: N999 - the name is that of 2.x

from __future__ import annotations

import logging
import sys
from types import ModuleType
from typing import Any

from dubhe_sdk import compat
from dubhe_sdk.environment import read_settings
from dubhe_sdk.logs.algorithm import algorithm_logger


def Logger(*ignored: object, **also_ignored: object) -> logging.Logger:  # noqa: N802 - name of 2.x
    """Return the logger; names, levels and files that 2.x may have taken have no effect.

    Raises:
        EnvironmentInvalid: a variable is malformed.
    """
    return algorithm_logger(read_settings().log_file)


_METHODS = compat.public(dir(logging.Logger))


class _Callable(ModuleType):
    """The module, which may be called as the class is."""

    def __call__(self, *ignored: object, **also_ignored: object) -> logging.Logger:
        return Logger()


sys.modules[__name__].__class__ = _Callable


def __getattr__(name: str) -> Any:
    if name == "logger":
        return Logger()
    if name in _METHODS:
        return getattr(Logger(), name)
    raise compat.missing(__name__, name)


def __dir__() -> list[str]:
    return ["Logger", "logger", *_METHODS]
