"""The service around an algorithm: parent, web front and what they share.

`Logger`, `ADCkafka` and `context` are names of dubhe-sdk 2.x; see `dubhe_sdk.compat`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dubhe_sdk import compat

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return compat.submodule(__name__, name)

    def __dir__() -> list[str]:
        return ["Logger", "context"]
