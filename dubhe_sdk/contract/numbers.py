"""`to_number`: a Python number from the number types that algorithms use."""

from __future__ import annotations

from typing import Any


def to_number(value: Any) -> int | float | None:
    """Return a Python number for anything that is one, or None.

    Accepts int, float, bool, numpy and torch scalars, 0-d and one-element arrays and tensors,
    Decimal and Fraction. Texts are not numbers.
    """
    if isinstance(value, (str, bytes, bytearray)) or value is None:
        return None
    try:
        item = getattr(value, "item", None)
        if callable(item):
            value = item()
        if isinstance(value, int):
            return int(value)
        return float(value)
    except Exception:  # noqa: BLE001 - foreign types raise anything; the caller warns by name
        return None
