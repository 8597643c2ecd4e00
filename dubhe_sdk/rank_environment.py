"""What launchers put into the environment of each rank that they start.

=============================== ========================= =======================
launcher                        rank                      how many
=============================== ========================= =======================
torchrun, ``accelerate launch`` ``RANK``                  ``WORLD_SIZE``
Lightning                       ``LOCAL_RANK`` and        ``WORLD_SIZE``
                                ``NODE_RANK``
``paddle.distributed.launch``   ``PADDLE_TRAINER_ID``     ``PADDLE_TRAINERS_NUM``
msrun                           ``MS_NODE_ID``            ``MS_WORKER_NUM``
=============================== ========================= =======================

https://docs.pytorch.org/docs/stable/elastic/run.html#environment-variables
"""

# It is imported before anything of the app's folder may be: see `dubhe_sdk.autostart`.
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUP = ("MASTER_ADDR", "MASTER_PORT", "PADDLE_MASTER", "MS_SCHED_HOST", "MS_SCHED_PORT")
_LOCAL_SIZES = (
    *("LOCAL_WORLD_SIZE", "WORLD_SIZE", "PADDLE_LOCAL_SIZE", "PADDLE_TRAINERS_NUM"),
    "MS_WORKER_NUM",
)


def rank_of(env: Mapping[str, str]) -> int | None:
    """Return this process's rank, or None if no launcher has started it.

    Of ranks that another machine's launcher has started, Lightning's have the number within that
    machine, but not 0. The scheduler that msrun starts beside its ranks comes after the last of
    them: it runs the same script as far as ``mindspore.communication.init``.

    Args:
        env: of the process.

    Examples:
        >>> rank_of({"WORLD_SIZE": "2", "RANK": "1"})
        1
    """
    if env.get("WORLD_SIZE"):
        rank = _number(env, "RANK")
        if rank is not None:
            return rank
        rank = _number(env, "LOCAL_RANK")
        if rank is not None:
            return 1 if rank == 0 and env.get("NODE_RANK", "0") not in ("", "0") else rank
    if env.get("PADDLE_TRAINERS_NUM"):
        return _number(env, "PADDLE_TRAINER_ID")
    if env.get("MS_ROLE") == "MS_SCHED":
        return _number(env, "MS_WORKER_NUM")
    if env.get("MS_WORKER_NUM"):
        return _number(env, "MS_NODE_ID")
    return None


def group_of(env: Mapping[str, str]) -> tuple[str, int]:
    """Return what names the group of ranks, and how many of them are on this machine.

    Args:
        env: of one of its ranks.

    Examples:
        >>> group_of({"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", "WORLD_SIZE": "2"})
        ('127.0.0.1-29500', 2)
    """
    name = "-".join(env[key] for key in _GROUP if env.get(key)) or "alone"
    sizes = (_number(env, key) for key in _LOCAL_SIZES)
    return name, next((size for size in sizes if size), 1)


def _number(env: Mapping[str, str], name: str) -> int | None:
    value = env.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() else None
