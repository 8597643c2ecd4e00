"""What the web front needs from the rest of the service.

The handler is written against `Backend`; `dubhe_sdk.service.web.remote` implements it over the
sockets to the service parent and to the model.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Protocol

from dubhe_sdk.contract.requests import RequestType
from dubhe_sdk.service.state import ServiceState


class Verdict(str, Enum):
    """The parent's answer to a start request."""

    STARTED = "started"
    DUPLICATE = "duplicate"  # this very request is running already: acknowledged, nothing started
    BUSY = "busy"  # another one is running
    UNAVAILABLE = "unavailable"  # the model is not ready


class InferenceFailed(Exception):
    """The algorithm's method raised. ``type_name`` and ``text`` are the exception's."""

    def __init__(self, type_name: str, text: str) -> None:
        super().__init__(f"{type_name}: {text}")
        self.type_name = type_name
        self.text = text


class InferenceOverloaded(Exception):
    """As many inferences as allowed are running and waiting. The text says how many."""


class ModelDied(Exception):
    """The model process died while it worked on the request, or is not there."""


class RequestNotDelivered(ModelDied):
    """A model process ended without having taken the request: another one may get it."""


class ModelUnavailable(RequestNotDelivered):
    """Nobody listens at a model process's socket."""


class Backend(Protocol):
    """The service parent and the model, as the handler sees them. Methods may wait."""

    @property
    def state(self) -> ServiceState:
        """The state last published. Never waits: the heartbeat depends on it."""

    def start_task(self, type_: RequestType, request: dict[str, Any]) -> Verdict:
        """Ask the parent to start a training or an evaluation."""

    def infer(self, body: bytes) -> bytes:
        """Run the inference method on a request and return its result as JSON.

        Args:
            body: the request as a JSON object, UTF-8.

        Raises:
            InferenceFailed: the method raised.
            InferenceOverloaded: the queue is full.
            ModelDied: the model died or is not there.
        """
