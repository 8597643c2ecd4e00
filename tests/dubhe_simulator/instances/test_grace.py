"""How long a container may take to end."""

from __future__ import annotations

import pytest

from dubhe_simulator.instances.grace import grace_of


@pytest.mark.parametrize(("given", "expected"), [("60", 61), ("nonsense", 10)])
def test_it_follows_the_containers_own_limit(given: str, expected: int) -> None:
    assert grace_of({"DUBHE_SHUTDOWN_TIMEOUT_SECONDS": given}) == expected


def test_without_one_it_is_the_limit_that_containers_have_by_default() -> None:
    assert grace_of({}) == 10
