"""`torch_rank`: this process's place in PyTorch's group."""

from __future__ import annotations

import sys


def torch_rank() -> tuple[int, int] | None:
    """Return rank and number of ranks; None if PyTorch is not loaded or has no group here.

    Examples:
        >>> torch_rank()        # in the second of two ranks
        (1, 2)
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return int(distributed.get_rank()), int(distributed.get_world_size())
