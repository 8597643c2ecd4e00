"""What the two clients have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from dubhe_simulator.contract.json_safe import to_bytes

REPLY_LIMIT = 256 * 1024 * 1024  # bytes; a reply beyond it is taken for a broken stream


class NoAnswer(Exception):
    """The instance gave no usable answer; the text says what happened instead."""


class Client(Protocol):
    """One connection at most; used by one thread."""

    def request(self, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        """Send a request and return the reply.

        Args:
            body: the request's fields, ``req_type`` among them.
            timeout: seconds for each step of the exchange.

        Raises:
            NoAnswer: no connection, no reply in time, or no JSON object in it.
        """

    def close(self) -> None:
        """Hang up."""


def encode(body: Mapping[str, Any]) -> bytes:
    """Return the request as UTF-8 JSON."""
    return to_bytes(body)


def decode(payload: bytes) -> dict[str, Any]:
    """Return the reply's object.

    Raises:
        NoAnswer: it is none.
    """
    try:
        reply = json.loads(payload)
    except ValueError as error:
        raise NoAnswer(f"the reply is not JSON ({error}): {payload[:200]!r}") from None
    if not isinstance(reply, dict):
        raise NoAnswer(f"the reply is not a JSON object: {payload[:200]!r}")
    return reply
