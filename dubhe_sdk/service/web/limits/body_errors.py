"""Why a request's body cannot be had."""

from __future__ import annotations


class BodyUnusable(Exception):
    """The body cannot be had. The connection is closed after the reply."""


class BodyTooLarge(BodyUnusable):
    """It is longer than the limit. ``length`` in bytes if it was announced."""

    def __init__(self, length: int | None) -> None:
        super().__init__("the body is too large")
        self.length = length
