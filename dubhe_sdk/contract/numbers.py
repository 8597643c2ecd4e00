"""`to_number`: a Python number from the number types that algorithms use."""

from __future__ import annotations

from typing import Any

from dubhe_sdk.contract.tensors import to_scalar


def to_number(value: Any) -> int | float | None:
    """Return a Python number for anything that is one, or None.

    Accepts int, float, bool, Decimal and Fraction, the scalars of numpy and of every framework,
    and arrays, tensors, lists and tuples of one element. Texts are not numbers.
    """
    try:
        for _ in range(_MOST_LEVELS):
            if isinstance(value, int):
                return int(value)
            if isinstance(value, float):
                return float(value)
            if value is None or isinstance(value, (str, bytes, bytearray)):
                return None
            if isinstance(value, (list, tuple)):
                (inner,) = value
            else:
                inner = to_scalar(value)
                if type(inner) is type(value):  # not made of simpler parts
                    return float(value)
            value = inner
    except Exception:  # noqa: BLE001 - foreign types raise anything; the caller warns by name
        return None
    return None


# Lists within lists, the last of them with a tensor, whose array holds a number.
_MOST_LEVELS = 32
