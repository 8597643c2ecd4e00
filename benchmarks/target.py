"""`Target`: what this project wants to reach, as a bound for one figure of a section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Target:
    """A bound for one figure."""

    text: str
    section: str
    figure: Callable[[Figures], float]
    """From the section's figures; raises KeyError if what it needs was not measured."""
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""

    def met(self, value: float) -> bool:
        """Return whether a measured value reaches it."""
        if self.at_most is not None:
            return value <= self.at_most
        return self.at_least is not None and value >= self.at_least

    @property
    def bound(self) -> str:
        """The bound in words."""
        sign, value = ("≤", self.at_most) if self.at_most is not None else ("≥", self.at_least)
        return f"{sign} {value:g}{self.unit}"
