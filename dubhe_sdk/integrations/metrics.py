"""`curves`: what of a framework's logs is worth a curve."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Counters and times, by which each framework labels its logs. Whatever is reported beside progress
# and epoch is drawn as a curve of its own.
_COUNTERS = frozenset(
    [
        *("epoch", "epochs", "progress", "step", "steps", "global_step", "iter", "iteration"),
        *("batch", "batches", "batch_idx", "batch_size", "size", "trainer/global_step"),
        *("total_flos", "num_input_tokens_seen", "eta", "time", "data_time", "memory"),
    ]
)
_TIMES = re.compile(r"(^|[_/])runtime$|_per_sec(ond)?(_per_gpu)?$|_(sec|secs|seconds|timestamp)$")


def curves(metrics: Mapping[Any, Any] | None, prefix: str = "") -> dict[str, Any]:
    """Return metrics under the framework's own names, without counters, times and what is None.

    Values are left as they are: `Context` takes the scalars of every framework.

    Args:
        metrics: name → value; None is none.
        prefix: put before each name.

    Examples:
        >>> curves({"eval_loss": 0.3, "eval_runtime": 1.2, "epoch": 2.0})
        {'eval_loss': 0.3}
    """
    return {
        f"{prefix}{name}": value
        for name, value in (metrics or {}).items()
        if value is not None and str(name) not in _COUNTERS and not _TIMES.search(str(name))
    }
