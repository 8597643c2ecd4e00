"""From the metrics an algorithm hands over to the numbers that the platform draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from dubhe_sdk.contract.numbers import to_number
from dubhe_sdk.reporting.plain import non_finite_word

# Beside the metrics in the same object: contract, section 4.
RESERVED = ("progress", "epoch")


class MetricsCleaner:
    """Turns metrics into JSON numbers; warns once about each name that needs a word.

    Args:
        warn: called with the warning's text.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._warned: set[str] = set()
        self.last_progress = 0.0  # repeated for a progress that is not a number

    def clean(self, metrics: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return a new dict of name → number, or → "NaN", "Infinity", "-Infinity".

        Values may be numbers of Python, numpy or any framework, and arrays, tensors, lists and
        tuples of one element.
        A value that is not a number is left out. Never raises; never changes ``metrics``.
        """
        if type(metrics) is dict and "progress" not in metrics and "epoch" not in metrics:
            # The hot path: nothing but finite floats and whole numbers.
            for value in metrics.values():
                if type(value) is float:
                    # 0 for finite numbers alone, and the cheapest such test.
                    if value - value != 0.0:
                        break
                elif type(value) is not int:
                    break
            else:
                return metrics.copy()
        return self._clean_each(metrics)

    def _clean_each(self, metrics: Mapping[str, Any] | None) -> dict[str, Any]:
        data: dict[str, Any] = {}
        if metrics is None:
            return data
        if not isinstance(metrics, Mapping):
            self._warn_once("Metrics", f"Metrics is a {type(metrics).__name__}, expected a dict")
            return data
        for name, value in metrics.items():
            self._clean_one(data, name, value)
        return data

    def progress(self, value: Any) -> float:
        """Return progress as a number from 0 to 1; what is out of range is moved into it.

        A value that is not a number repeats the last progress.
        """
        if type(value) is float and 0.0 <= value <= 1.0:
            self.last_progress = value
            return value
        number = to_number(value)
        if number is None or number != number:  # NaN
            self._warn_once(
                "progress", f"progress is {_short(value)}, expected a number from 0 to 1"
            )
            return self.last_progress
        if not 0 <= number <= 1:
            self._warn_once("progress", f"progress is {_short(value)}, moved into the range 0 to 1")
        self.last_progress = float(min(1, max(0, number)))
        return self.last_progress

    def whole(self, name: str, value: Any) -> int:
        """Return a whole number such as an epoch; 0 if it is none."""
        if type(value) is int:
            return value
        number = to_number(value)
        if number is None or (isinstance(number, float) and not math.isfinite(number)):
            self._warn_once(name, f"{name} is {_short(value)}, expected a whole number; 0 is sent")
            return 0
        return int(number)

    def _clean_one(self, data: dict[str, Any], name: Any, value: Any) -> None:
        name = name if isinstance(name, str) else str(name)
        if name in RESERVED:
            self._warn_once(
                name, f"the metric named {name!r} is left out: the platform reserves it"
            )
            return
        number = to_number(value)
        if number is None:
            self._warn_once(
                name, f"metric {name!r} is {_short(value)}, not a number; it is left out"
            )
        elif isinstance(number, float) and not math.isfinite(number):
            word = non_finite_word(number)
            self._warn_once(name, f'metric {name!r} is {number}; it is sent as the text "{word}"')
            data[name] = word
        else:
            data[name] = number

    def _warn_once(self, name: str, text: str) -> None:
        if name not in self._warned:
            self._warned.add(name)
            self._warn(f"{text} (logged once for this name)")


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - foreign types raise anything
        text = f"<unprintable: {type(error).__name__}>"
    text = " ".join(text.split())
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
