"""`BatchContext`: the current context while a method works on a batch of inferences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.parameters import Parameters
from dubhe_sdk.environment import Settings
from dubhe_sdk.errors import NoCurrentTask


class BatchContext(Context):
    """Answers for the environment and logs; a request's values are in the batch's own contexts.

    `current_context` and a context that the constructor has kept get here.

    Raises:
        NoCurrentTask: a value of the request is asked for.
    """

    def __init__(
        self, request: Mapping[str, Any] | None = None, settings: Settings | None = None
    ) -> None:
        super().__init__(request, settings)
        self._parameters = _OfNoRequest({}, self._settings)


class _OfNoRequest(Parameters):
    @property
    def request(self) -> dict[str, Any]:
        raise NoCurrentTask(
            "a batch of inferences has no single request: use the contexts that the method was "
            "given"
        )
