"""What ``dubhe_sdk.config`` of dubhe-sdk 2.x can mean here: the platform's variables.

They have the names of section 1 of the contract, and the values that the service uses: defaults
filled in, JSON parsed. Nothing is read before a name is used.

Raises:
    EnvironmentInvalid: a variable is malformed.

Examples:
    >>> from dubhe_sdk.config import INSTANCE_ID
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from dubhe_sdk import compat
from dubhe_sdk.api.keys import ContextKey
from dubhe_sdk.environment import Settings, read_settings

_VALUES: dict[str, Callable[[Settings], Any]] = {
    "PLATFORM_TYPE": lambda settings: int(settings.platform_mode),
    "PORT": lambda settings: settings.port,
    "protocol": lambda settings: settings.protocol,
    "BOOTSTRAP_SERVERS": lambda settings: settings.bootstrap_servers,
    "TOPIC_MODEL_STATUS": lambda settings: settings.topic_status,
    "TOPIC_MODEL_RESULT": lambda settings: settings.topic_result,
    "INSTANCE_ID": lambda settings: settings.instance_id,
    "model_path": lambda settings: settings.model_path,
    "RELY_MODEL_DATA": lambda settings: settings.rely_model_data,
    "special_params": lambda settings: settings.special_params,
    "CUDA_VISIBLE_DEVICES": lambda settings: os.environ.get("CUDA_VISIBLE_DEVICES"),
}
_CONSTANTS = compat.public(vars(ContextKey))
__all__ = ["ContextKey", *_VALUES, *_CONSTANTS]


def __getattr__(name: str) -> Any:
    if name in _VALUES:
        return _VALUES[name](read_settings())
    if name in _CONSTANTS:
        return getattr(ContextKey, name)
    raise compat.missing(__name__, name)


def __dir__() -> list[str]:
    return __all__
