"""How a container ended, from what the engine says; a real OOM kill is in `test_backend`."""

from __future__ import annotations

from typing import Any

import pytest

from dubhe_simulator.instances.base import ExitInfo
from dubhe_simulator.instances.docker.status import exit_of

GONE = {"Status": "exited", "ExitCode": 137, "OOMKilled": False, "Error": ""}


def found(memory: int = 0, **state: object) -> dict[str, Any]:
    return {"State": {**GONE, **state}, "HostConfig": {"Memory": memory}}


def test_one_that_runs_has_not_ended() -> None:
    assert exit_of(found(Status="running"), killed=False) is None
    assert exit_of(found(Status="paused"), killed=False) is None


def test_an_end_without_more_to_say() -> None:
    assert exit_of(found(), killed=True) == ExitInfo(137, killed=True)


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (found(256 << 20, OOMKilled=True), "the memory limit (256 MiB) was exceeded"),
        (found(Error="no such device"), "the Docker engine reports: no such device"),
    ],
)
def test_the_engine_knows_why(facts: dict[str, Any], text: str) -> None:
    ended = exit_of(facts, killed=False)
    assert ended is not None and ended.reason is not None
    assert text in ended.reason.text


def test_a_process_that_its_container_has_survived_is_no_reason() -> None:
    ended = exit_of(found(OOMKilled=True, ExitCode=0), killed=False)
    assert ended == ExitInfo(0)
