"""Numbers as they stand in tables: three digits that count, and the unit."""

from __future__ import annotations

import math


def digits(value: float) -> str:
    """Return three significant digits, without an exponent."""
    if math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}".replace(",", " ")


def microseconds(nanoseconds: float) -> str:
    """Return a time in µs."""
    return f"{digits(nanoseconds / 1e3)} µs"


def milliseconds(seconds: float) -> str:
    """Return a time in ms."""
    return f"{digits(seconds * 1e3)} ms"


def number(value: float) -> str:
    """Return a whole number with its thousands apart."""
    return f"{value:,.0f}".replace(",", " ")


def ratio(value: float) -> str:
    """Return a ratio."""
    return digits(value)


def mebibytes(value: float) -> str:
    """Return a size that is given in MiB."""
    return f"{value:,.1f} MiB".replace(",", " ")
