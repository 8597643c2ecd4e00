"""What a method handed back: whether it ran at all, and what the result is."""

from __future__ import annotations

import inspect
from typing import Any

from dubhe_sdk.errors import AppInvalid

# What nearly every method returns. To ask whether it is one of the others takes six times as long.
_PLAIN = frozenset({list, dict, str, tuple, type(None)})


def refuse_unrun(result: Any) -> None:
    """Refuse what shows that nothing has run yet: a coroutine, an awaitable, an async generator.

    Raises:
        AppInvalid: it is one.
    """
    if type(result) in _PLAIN:
        return
    if inspect.isawaitable(result) or inspect.isasyncgen(result):
        if inspect.iscoroutine(result):
            result.close()  # else Python complains later that nobody awaited it
        raise AppInvalid(
            f"the method returned {_name(result)}, so nothing of it has run; expected a plain "
            "method: run it inside, by asyncio.run(…)"
        )


def check_task(result: Any) -> None:
    """Refuse what shows that a training or an evaluation has not run.

    Raises:
        AppInvalid: it returned a coroutine, an async generator or a generator.
    """
    refuse_unrun(result)
    if inspect.isgenerator(result):
        result.close()
        raise AppInvalid(
            f"the method returned {_name(result)}, so nothing of it has run; expected a plain "
            "method: go through the generator inside"
        )


def _name(result: Any) -> str:
    if inspect.iscoroutine(result):
        return f"the coroutine {result.__qualname__}"
    if inspect.isasyncgen(result):
        return f"the async generator {result.__qualname__}"
    if inspect.isgenerator(result):
        return f"the generator {result.__qualname__}"
    return f"an awaitable {type(result).__name__}"
