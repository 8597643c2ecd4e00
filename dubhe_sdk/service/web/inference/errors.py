"""Why an inference has no result."""

from __future__ import annotations


class InferenceFailed(Exception):
    """The algorithm's method raised. ``type_name`` and ``text`` are the exception's."""

    def __init__(self, type_name: str, text: str) -> None:
        super().__init__(f"{type_name}: {text}")
        self.type_name = type_name
        self.text = text


class RequestNotAccepted(Exception):
    """The model process gives a request back that the web front has not read: it has to now."""


class InferenceOverloaded(Exception):
    """As many inferences as allowed are running and waiting. The text has the numbers."""


class ClientGone(Exception):
    """The client has gone while its request waited, which was not begun with."""


class ModelDied(Exception):
    """The model process died while it worked on the request, or is not there."""


class RequestNotDelivered(ModelDied):
    """A model process ended without having taken the request: another one may get it."""


class ModelUnavailable(RequestNotDelivered):
    """Nobody listens at a model process's socket."""
