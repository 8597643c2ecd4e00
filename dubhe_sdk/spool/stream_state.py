"""`StreamState`: what a writer keeps of its stream, and the append that may be in C.

There are two of it: `PythonStreamState` here, and the one of ``_stream_state.c``, which is taken
where it was built. The second also appends a batch's progress in one call: between two batches of a
training, with cold caches, that costs less than half of the way through Python. It does so
only for plain values and a segment with room, and otherwise changes nothing, so that the way
in Python is the one place that decides about everything else.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any


class PythonStreamState:
    """The members of a `SpoolWriter` that an append needs. They are described there."""

    _fd: int
    _busy: bool
    _seq: int
    _offset: int
    _first: int
    _progress_limit: int
    _important_limit: int
    _last_ns: int
    _next_check_ns: int

    append_batch: Callable[[int, int, int, float, Any], bool] | None = None
    """Append a batch's progress: epoch, batch, batches, progress, metrics.

    It returns False, and has changed nothing, if a value is not exactly a finite ``float`` or an
    ``int`` in its range, a name not a plain ``str``, or the writer does not take it at once.
    None where there is no C.
    """

    next_request_number: Callable[[], int]
    """Take the ``request_number`` of the next message. No two threads get the same."""

    def number_messages(self, prefix: bytes, first: int) -> None:
        """Have the messages of this process numbered; a forked child needs numbers of its own.

        Args:
            prefix: what a message's value begins with, up to its ``request_number``.
            first: the ``request_number`` of the next message.
        """
        self.next_request_number = itertools.count(first).__next__


if TYPE_CHECKING:
    StreamState = PythonStreamState
else:
    try:
        from dubhe_sdk.spool._stream_state import StreamState
    except ImportError:  # built without a compiler, or for another interpreter
        StreamState = PythonStreamState
