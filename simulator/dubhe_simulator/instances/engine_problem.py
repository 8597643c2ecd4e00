"""An engine that does not answer, or refuses something: what it runs may live on meanwhile."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from dubhe_simulator.errors import EngineError
from dubhe_simulator.instances.base import Condition

AGAIN_S = 2.0  # before the second attempt; each further one waits for twice as long
AGAIN_MOST_S = 30.0


class EngineProblem(EngineError):
    """The engine has refused something.

    Attributes:
        condition: it in words, in the language of whoever asks.
    """

    def __init__(self, condition: Condition) -> None:
        super().__init__(condition.text)
        self.condition = condition


class EngineSilent(EngineProblem):
    """The engine does not answer: nobody knows whether it has done what it was asked to do."""


def until_answered(work: Callable[[], None], end: threading.Event | None = None) -> None:
    """Do something on a thread of its own, again and again until an engine takes it.

    Args:
        work: raises `EngineProblem` if the engine has not taken it.
        end: when it is set, no further attempt is made.

    Example:
        >>> until_answered(lambda: cluster.delete("dubhe-digits-local-train-1"))  # doctest: +SKIP
    """
    ending = end or threading.Event()

    def run() -> None:
        pause = AGAIN_S
        while not ending.wait(pause):
            with contextlib.suppress(EngineProblem):
                return work()
            pause = min(2 * pause, AGAIN_MOST_S)

    threading.Thread(target=run, name="until-answered", daemon=True).start()
