"""`KeptContext`: the constructor's context, which algorithms keep as ``self.ctx``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dubhe_sdk.api.context import Context
from dubhe_sdk.api.current_task import current_context
from dubhe_sdk.environment import Settings
from dubhe_sdk.errors import NoCurrentTask


class KeptContext(Context):
    """Has no request of its own; in a method it answers for the request that runs there.

    It has nothing of what `Context` asks for its answers, and gets it from the one that speaks.

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
        self._settings = settings
        self._constructor = Context({}, settings)

    def end_construction(self) -> None:
        """Speak for requests alone from now on."""
        self._constructor._reports.close()

    if not TYPE_CHECKING:  # what `Context` has is known

        def __getattr__(self, name: str) -> Any:
            if name not in ("_parameters", "_reports"):
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            try:
                speaker = current_context()
            except NoCurrentTask:
                speaker = self._constructor
            return getattr(speaker, name)
