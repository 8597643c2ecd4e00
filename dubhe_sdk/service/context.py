"""What ``dubhe_sdk.service.context`` of dubhe-sdk 2.x can mean here: the context and its keys.

Examples:
    >>> from dubhe_sdk.service.context import Context, ContextKey
"""

from __future__ import annotations

from dubhe_sdk import compat
from dubhe_sdk.api.context import Context
from dubhe_sdk.api.current_task import current_context
from dubhe_sdk.api.keys import ContextKey

_CONSTANTS = compat.public(vars(ContextKey))
__all__ = ["Context", "ContextKey", "current_context", *_CONSTANTS]


def __getattr__(name: str) -> str:
    if name in _CONSTANTS:
        constant: str = getattr(ContextKey, name)
        return constant
    raise compat.missing(__name__, name)


def __dir__() -> list[str]:
    return __all__
