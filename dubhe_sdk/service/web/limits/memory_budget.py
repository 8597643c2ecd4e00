"""`MemoryBudget`: how much memory the requests of all clients may use together.

The bounds of one request and of the number of clients do not bound their product. Without this,
clients that each send most of a body and then wait could fill the container's memory, and the
kernel would kill the training that runs beside the web front.
"""

from __future__ import annotations

# A request up to this length is not counted, so heartbeats are never refused because of others.
EXEMPT_BYTES = 16 * 1024


class BudgetExceeded(Exception):
    """The requests received in part or whole use up the budget. The text is the refusal."""


class MemoryBudget:
    """Counts bytes. A request that exceeds the budget is refused at once; nothing waits.

    Args:
        limit: in bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.used = 0
        """In bytes."""

    def reserve(self, count: int) -> None:
        """Count ``count`` more bytes as used.

        Raises:
            BudgetExceeded: fewer than that are left.
        """
        if self.used + count > self._limit:
            raise BudgetExceeded(
                f"service is busy: requests that arrive or wait hold {self.used} of "
                f"{self._limit} bytes (DUBHE_MAX_BUFFER_BYTES); send it again later"
            )
        self.used += count

    def release(self, count: int) -> None:
        """Return ``count`` bytes to the budget."""
        self.used -= count
