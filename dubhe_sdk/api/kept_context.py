"""`KeptContext`: the constructor's context, which algorithms keep as ``self.ctx``."""

# ruff: noqa: D102 - the methods are those of `Context`

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dubhe_sdk.api.context import CONTRACT_DEFAULT, Context
from dubhe_sdk.api.current_task import current_context
from dubhe_sdk.environment import Settings
from dubhe_sdk.errors import NoCurrentTask


class KeptContext(Context):
    """Has no request of its own; in a method it answers for the request that runs there.

    Args:
        settings: the environment.

    Examples:
        >>> class Model:
        ...     def __init__(self, ctx):
        ...         self.ctx = ctx                       # ctx.json_request is {}
        ...     def train(self, ctx):
        ...         assert self.ctx.json_request == ctx.json_request
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__({}, settings)
        self._constructor = Context({}, settings)

    def end_construction(self) -> None:
        """Speak for requests alone from now on."""
        self._constructor._close()

    @property
    def _speaker(self) -> Context:
        try:
            return current_context()
        except NoCurrentTask:
            return self._constructor

    def __reduce__(self) -> tuple[Any, ...]:
        return self._speaker.__reduce__()

    @property
    def json_request(self) -> dict[str, Any]:
        return self._speaker.json_request

    def get(self, key: str, default: Any = CONTRACT_DEFAULT) -> Any:
        return self._speaker.get(key, default)

    @property
    def last_progress(self) -> float:
        return self._speaker.last_progress

    def logProgress(self, progress: float) -> None:  # noqa: N802
        self._speaker.logProgress(progress)

    def logProgressByEpoch(  # noqa: N802
        self,
        epoch: int,
        progress: float,
        Metrics: Mapping[str, Any],  # noqa: N803
    ) -> None:
        self._speaker.logProgressByEpoch(epoch, progress, Metrics)

    def logProgressByBatch(  # noqa: N802
        self,
        epoch: int,
        batch_idx: int,
        batchsize: int,
        progress: float,
        Metrics: Mapping[str, Any],  # noqa: N803
    ) -> None:
        self._speaker.logProgressByBatch(epoch, batch_idx, batchsize, progress, Metrics)

    def logResult(self, predict_json: Any) -> None:  # noqa: N802
        self._speaker.logResult(predict_json)
