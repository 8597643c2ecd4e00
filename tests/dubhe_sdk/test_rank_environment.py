"""The variables by which launchers tell a process its rank; see also `tests/ranks`."""

from __future__ import annotations

import pytest

from dubhe_sdk.rank_environment import group_of, rank_of

PADDLE = {"PADDLE_TRAINERS_NUM": "4", "PADDLE_LOCAL_SIZE": "2", "PADDLE_MASTER": "10.0.0.1:36001"}
MSRUN = {"MS_WORKER_NUM": "2", "MS_SCHED_HOST": "127.0.0.1", "MS_SCHED_PORT": "8118"}


@pytest.mark.parametrize(
    ("env", "rank"),
    [
        ({}, None),
        ({"RANK": "1"}, None),
        ({"WORLD_SIZE": "2"}, None),
        ({"WORLD_SIZE": "2", "RANK": "one"}, None),
        ({"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "0"}, 1),
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "1"}, 1),
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "0", "NODE_RANK": "1"}, 1),
        ({"WORLD_SIZE": "2", "LOCAL_RANK": "0", "NODE_RANK": "0"}, 0),
        (PADDLE, None),
        ({**PADDLE, "PADDLE_TRAINER_ID": "3"}, 3),
        ({**MSRUN, "MS_ROLE": "MS_WORKER", "MS_NODE_ID": "0"}, 0),
        ({**MSRUN, "MS_ROLE": "MS_WORKER"}, None),
        ({**MSRUN, "MS_ROLE": "MS_SCHED"}, 2),
    ],
)
def test_the_rank(env: dict[str, str], rank: int | None) -> None:
    assert rank_of(env) == rank


@pytest.mark.parametrize(
    ("env", "group"),
    [
        ({"MASTER_ADDR": "h", "MASTER_PORT": "1", "WORLD_SIZE": "2"}, ("h-1", 2)),
        (
            {"MASTER_ADDR": "h", "MASTER_PORT": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"},
            ("h-1", 4),
        ),
        (PADDLE, ("10.0.0.1:36001", 2)),
        (MSRUN, ("127.0.0.1-8118", 2)),
    ],
)
def test_the_group(env: dict[str, str], group: tuple[str, int]) -> None:
    assert group_of(env) == group
