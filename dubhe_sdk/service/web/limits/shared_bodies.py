"""`SharedBodies`: how many requests may be in shared memory at once."""

from __future__ import annotations

from dubhe_sdk.ipc.shared_body import SHARED_FROM_BYTES, SharedBody


class SharedBodies:
    """Makes and counts them: each has a descriptor beside its client's.

    Args:
        limit: how many there may be; further requests are read as bytes, which is only slower.
    """

    def __init__(self, limit: int) -> None:
        self._left = limit

    def create(self, size: int) -> SharedBody | None:
        """Return an empty one for a request of this size; None if it is to be read as bytes."""
        if size < SHARED_FROM_BYTES or not self._left:
            return None
        try:
            body = SharedBody.create(size)
        except OSError:  # no descriptor or no memory file is to be had here
            return None
        self._left -= 1
        return body

    def close(self, body: SharedBody) -> None:
        """Close one that is answered."""
        body.close()
        self._left += 1
