"""What can go wrong between a command and the engine."""

from __future__ import annotations


class EngineError(Exception):
    """It cannot be done: no engine, no image, a refused option. The text says what to do."""
