"""`curves`: what of a framework's logs is worth a curve."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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
_MAX_NAMES = 10_000  # a training that makes up a name for each batch shall not fill the memory


class _Names(dict[Any, str]):
    """A framework's name of a metric → that of its curve; empty if it gets none."""

    def __missing__(self, name: Any) -> str:
        text = str(name)
        curve = "" if text in _COUNTERS or _TIMES.search(text) else text
        if len(self) < _MAX_NAMES:
            self[name] = curve
        return curve


class _Numbers(dict[type, Callable[[Any], Any]]):
    """A type → what makes numbers of its values. `Context` does so with the types of all other
    frameworks; PyTorch's tensors come with each batch, and to ask about them costs most of it."""

    def __missing__(self, cls: type) -> Callable[[Any], Any]:
        is_torch = cls.__module__.partition(".")[0] == "torch"
        self[cls] = found = _of_torch if is_torch and hasattr(cls, "item") else _as_it_is
        return found


def _as_it_is(value: Any) -> Any:
    return value


def _of_torch(tensor: Any) -> Any:
    try:
        return tensor.item()
    except (RuntimeError, ValueError):  # of several elements: `Context` warns of it
        return tensor


_names = _Names()
_numbers = _Numbers()


def curves(metrics: Mapping[Any, Any] | None, prefix: str = "") -> dict[str, Any]:
    """Return metrics under the framework's own names, without counters, times and what is None.

    Tensors of PyTorch become numbers. Other values are left as they are: `Context` takes the
    scalars of every framework.

    Args:
        metrics: name → value; None is none.
        prefix: put before each name.

    Examples:
        >>> curves({"eval_loss": 0.3, "eval_runtime": 1.2, "epoch": 2.0})
        {'eval_loss': 0.3}
    """
    found: dict[str, Any] = {}
    for name, value in (metrics or {}).items():
        curve = _names[name]
        if not curve or value is None:
            continue
        if type(value) is not float:
            value = _numbers[type(value)](value)
        found[prefix + curve if prefix else curve] = value
    return found
