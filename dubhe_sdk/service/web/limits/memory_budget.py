"""`Room`: how much memory the requests of all clients may take together.

The bounds of one request and of the number of clients do not bound their product. Without this,
clients that each send most of a body and then wait could fill the container's memory, and the
kernel would end the training that runs beside the web front.
"""

from __future__ import annotations

# A request up to this length needs no room, so that heartbeats are never refused for others' sake.
FREE_BYTES = 16 * 1024


class NoRoom(Exception):
    """The requests that have arrived in part or whole fill the room. The text is the refusal."""


class Room:
    """Counts bytes. Nobody waits for room: who finds none is refused, and told so.

    Args:
        limit: in bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.taken = 0
        """In bytes."""

    def take(self, count: int) -> None:
        """Take so many bytes.

        Raises:
            NoRoom: so many are not left.
        """
        if self.taken + count > self._limit:
            raise NoRoom(
                f"service is busy: requests that arrive or wait hold {self.taken} of "
                f"{self._limit} bytes (DUBHE_MAX_BUFFER_BYTES); send it again later"
            )
        self.taken += count

    def give(self, count: int) -> None:
        """Give so many bytes back."""
        self.taken -= count
