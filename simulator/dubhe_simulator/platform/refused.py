"""A wish that the platform cannot grant."""

from __future__ import annotations


class Refused(Exception):
    """The text says why, and what to do.

    Attributes:
        status: the HTTP status that fits: 400 wrong request, 404 no such thing, 409 not now.
    """

    def __init__(self, text: str, status: int = 409) -> None:
        super().__init__(text)
        self.status = status
