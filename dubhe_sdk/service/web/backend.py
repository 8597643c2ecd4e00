"""`Backend`: the service parent and the model, as the handler sees them."""

from __future__ import annotations

from typing import Any

from dubhe_sdk.contract.requests import RequestType
from dubhe_sdk.ipc.shared_body import SharedBody
from dubhe_sdk.service.state import ServiceState, StartReply
from dubhe_sdk.service.web.client import Client
from dubhe_sdk.service.web.control import Control
from dubhe_sdk.service.web.inference.pool import ModelPool


class Backend:
    """What the web front needs from the rest of the service. Methods may wait.

    Args:
        control: the socket to the service parent.
        pool: the connections to the model processes.
    """

    def __init__(self, control: Control, pool: ModelPool) -> None:
        self._control = control
        self._pool = pool

    @property
    def state(self) -> ServiceState:
        """The state last published. Never waits: the heartbeat depends on it."""
        return self._control.state

    def start_task(self, type_: RequestType, request: dict[str, Any]) -> StartReply:
        """Ask the parent to start a training or an evaluation."""
        return self._control.start_task(type_, request)

    def infer(self, body: bytes | SharedBody, client: Client | None) -> bytes:
        """Run the inference method on a request and return its result as JSON.

        Args:
            body: the request as a JSON object, UTF-8; long ones as they came, for the model
                process to check.
            client: who has sent it, if that can be told.

        Raises:
            RequestNotAccepted: the web front has to read this shared body.
            InferenceFailed: the method raised.
            RequestInvalid: the model's parser cannot read the request.
            InferenceOverloaded: the queue is full.
            ClientGone: the client has gone while the request waited.
            ModelDied: the model process died or is not there.
        """
        return self._pool.infer(body, client)
