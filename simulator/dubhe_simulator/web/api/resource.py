"""What all resources of the API have in common."""

from __future__ import annotations

from dubhe_simulator.platform.platform import Platform


class Resource:
    """Answers requests for one route.

    Args:
        platform: what it shows and controls.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
