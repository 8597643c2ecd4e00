from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from dubhe_sdk.errors import AppInvalid
from dubhe_sdk.model.outcome import check_task, refuse_unrun


async def coroutine() -> None:
    await asyncio.sleep(0)


async def async_generator() -> AsyncIterator[int]:
    yield 1


def generator() -> Iterator[int]:
    yield 1
    yield 2


class Awaitable:
    def __await__(self) -> Iterator[None]:
        yield None


@pytest.mark.parametrize("make", [coroutine, async_generator, Awaitable])
def test_what_has_not_run_is_refused(make: Any) -> None:
    for check in (check_task, refuse_unrun):
        with pytest.raises(AppInvalid, match="nothing of it has run"):
            check(make())


def test_a_generator_is_refused_from_a_task_alone() -> None:
    with pytest.raises(AppInvalid, match="the generator generator"):
        check_task(generator())
    refuse_unrun(generator())


@pytest.mark.parametrize("result", [None, 1, [1], {"a": 1}, "text", (1, 2), range(3)])
def test_anything_else_is_accepted(result: Any) -> None:
    check_task(result)
    refuse_unrun(result)
