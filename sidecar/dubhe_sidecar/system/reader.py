"""What the readers of the parts of a machine have in common."""

from __future__ import annotations

from typing import Any, Protocol

Figures = dict[str, Any]


class ReaderFailed(Exception):
    """It cannot be read now; the text is for the log."""


class Reader(Protocol):
    """Reads one part of the machine."""

    name: str
    """For the log."""

    def read(self) -> Figures:
        """Return figures by name; those that are not known are left out.

        Raises:
            ReaderFailed: nothing is known.
        """
