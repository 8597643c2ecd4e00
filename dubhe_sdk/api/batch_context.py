"""`BatchContext`: the current context while a method works on a batch of inferences."""

# ruff: noqa: D102 - the methods are those of `Context`

from __future__ import annotations

from typing import Any

from dubhe_sdk.api.context import CONTRACT_DEFAULT, FROM_SETTINGS, Context
from dubhe_sdk.errors import NoCurrentTask

_NO_SINGLE_REQUEST = (
    "a batch of inferences has no single request: use the contexts that the method was given"
)


class BatchContext(Context):
    """Answers for the environment and logs; a request's values are in the batch's own contexts.

    `current_context` and a context that the constructor has kept get here.

    Raises:
        NoCurrentTask: a value of the request is asked for.
    """

    @property
    def json_request(self) -> dict[str, Any]:
        raise NoCurrentTask(_NO_SINGLE_REQUEST)

    def get(self, key: str, default: Any = CONTRACT_DEFAULT) -> Any:
        if key in FROM_SETTINGS:
            return super().get(key, default)
        raise NoCurrentTask(_NO_SINGLE_REQUEST)
