"""`RemoteBackend`: the service parent and the model, behind the web front's sockets."""

from __future__ import annotations

from typing import Any

from dubhe_sdk.contract.requests import RequestType
from dubhe_sdk.service.state import ServiceState
from dubhe_sdk.service.web.backend import Verdict
from dubhe_sdk.service.web.control import Control
from dubhe_sdk.service.web.inference.pool import ModelPool


class RemoteBackend:
    """Implements `dubhe_sdk.service.web.backend.Backend`.

    Args:
        control: the socket to the service parent.
        pool: the connections to the model.
    """

    def __init__(self, control: Control, pool: ModelPool) -> None:
        self._control = control
        self._pool = pool
        self.infer = pool.infer

    @property
    def state(self) -> ServiceState:
        """See `Backend.state`."""
        return self._control.state

    def start_task(self, type_: RequestType, request: dict[str, Any]) -> Verdict:
        """See `Backend.start_task`."""
        return self._control.start_task(type_, request)
