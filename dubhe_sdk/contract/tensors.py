"""Plain numbers and lists from the arrays and tensors of any framework.

Problem: no method is common to all of them, and some answer wrongly. TensorFlow has neither
``tolist()`` nor ``item()``. PaddlePaddle hands out the raw bits of bfloat16 and of the 8-bit floats
(0.5 becomes 16128), and MindSpore's ``item()`` of bfloat16 ends the process.

Mechanism: floats narrower than 16 bits, and bfloat16, become 32-bit floats first, by the
framework itself. Then ``tolist()`` and ``item()`` are asked, and where they are missing ``numpy()``
and ``__array__()``.

Safety: a narrow float of which no 32-bit one can be made raises; its bits are never read. No
framework is imported; what is looked at is what the value has.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

# bfloat16, float8_e4m3fn, Float8E5M2, float4_e2m1fn_x2 …
_NARROW = re.compile(r"bfloat16|float[468](?!\d)")


def is_tensor(value: Any) -> bool:
    """Return whether it is an array, a tensor, or a number of an array's type."""
    cls = type(value)
    return any(callable(getattr(cls, name, None)) for name in ("tolist", "numpy", "__array__"))


def to_plain(value: Any) -> Any:
    """Return an array or tensor as a number or as nested lists.

    Raises:
        Exception: whatever the framework raises, for example for a tensor without values.
    """
    value = _widened(value)
    tolist = getattr(value, "tolist", None)
    if callable(tolist):
        return tolist()
    array = _numpy(value)
    return array.tolist() if hasattr(array, "tolist") else array


def to_scalar(value: Any) -> Any:
    """Return what an array or tensor of one element holds; anything else as it is.

    Raises:
        Exception: whatever the framework raises if there are several elements, or none.
    """
    value = _widened(value)
    item = getattr(value, "item", None)
    if callable(item):
        return item()
    return _numpy(value) if is_tensor(value) else value


def _widened(value: Any) -> Any:
    """Return a value of narrow floats as one of 32-bit floats; anything else as it is."""
    dtype = getattr(value, "dtype", None)
    if dtype is None or not _is_narrow(dtype):
        return value
    for name, arguments in (("float", ()), ("astype", ("float32",))):
        convert = getattr(value, name, None)
        if callable(convert):
            return convert(*arguments)
    array = _numpy(value)
    if not _is_narrow(array.dtype):
        raise TypeError(
            f"{type(value).__name__} of {dtype} has no float32: its bits are no numbers"
        )
    return array.astype("float32")


# Typed, since a dtype of one framework may equal another's: some compare as numbers do.
@lru_cache(maxsize=64, typed=True)
def _is_narrow(dtype: Any) -> bool:
    return _NARROW.search(str(dtype).lower()) is not None


def _numpy(value: Any) -> Any:
    numpy = getattr(value, "numpy", None)
    return numpy() if callable(numpy) else value.__array__()
