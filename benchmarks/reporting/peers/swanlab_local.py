"""SwanLab, offline: `log`."""

from __future__ import annotations

from collections.abc import Callable

import swanlab


def prepare(folder: str) -> Callable[[int], None]:
    """Offline: nothing leaves the machine."""
    swanlab.init(project="bench", mode="offline", logdir=folder)

    def report(step: int) -> None:
        swanlab.log({"loss": 0.123456}, step=step)

    return report
