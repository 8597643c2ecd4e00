"""What people note on runs: names, notes, tags, colours. Kept, since nothing else tells it.

A run is known by its instance and by which of the instance's it is. Its number in the database is
derived and may be another one when everything is derived again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from dubhe_simulator.platform.state.records import Run
from dubhe_simulator.platform.storage.write_batch import WriteBatch

LONGEST_NAME = 120
LONGEST_NOTE = 10_000
LONGEST_TAG = 40
MOST_TAGS = 30
HUES = 10  # that the page has

Key = tuple[str, int]


@dataclass(frozen=True)
class Annotation:
    """What was noted on one run.

    Attributes:
        name: instead of its kind and number; one line.
        note: text of any number of lines.
        tags: words to find it by, in the order in which they were given.
        hue: which of the page's `HUES` colours it has; None for the one of its number.
        hidden: not to be shown in tables and curves unless asked for.
        turned: its boxes are those of images turned as their EXIF data want it; else of the pixels
            as they are stored.
        deleted: its curves and results are gone, and it is not to come back.
    """

    name: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    hue: int | None = None
    hidden: bool = False
    turned: bool = False
    deleted: bool = False

    def view(self) -> dict[str, Any]:
        """Return it as the page knows it."""
        return {
            "name": self.name,
            "note": self.note,
            "tags": list(self.tags),
            "hue": self.hue,
            "hidden": self.hidden,
            "turned": self.turned,
        }


def checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes of an `Annotation` as it holds them.

    Args:
        changes: by the names of its attributes, without ``deleted``.

    Raises:
        ValueError: a name is unknown, or a value is of another type, too long or too many.
    """
    unknown = sorted(set(changes) - set(_CHECKS))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not one of {', '.join(_CHECKS)}")
    return {name: _CHECKS[name](value) for name, value in changes.items()}


class Annotations:
    """Not for several threads at once: the registry's lock is around it.

    Args:
        rows: ``(instance, number, facts)`` as the database has them.
    """

    def __init__(self, rows: Iterable[tuple[str, int, dict[str, Any]]]) -> None:
        self._of: dict[Key, Annotation] = {
            (instance, number): Annotation(**{**facts, "tags": tuple(facts["tags"])})
            for instance, number, facts in rows
        }
        self._dirty: dict[Key, None] = {}

    def of(self, run: Run) -> Annotation:
        """Return what was noted on a run."""
        return self._of.get((run.instance, run.number), _NOTHING)

    def change(self, run: Run, **changes: Any) -> None:
        """Note something on a run; ``changes`` as `checked` returns them, or ``deleted``."""
        key = run.instance, run.number
        self._of[key] = replace(self._of.get(key, _NOTHING), **changes)
        self._dirty[key] = None

    def forget(self, instance: str) -> None:
        """Forget what was noted on an instance's runs."""
        for key in [key for key in self._of if key[0] == instance]:
            del self._of[key]
            self._dirty.pop(key, None)

    def collect(self, writes: WriteBatch) -> None:
        """Add what has changed to what has to be stored."""
        writes.annotations += [(*key, asdict(self._of[key])) for key in self._dirty]
        self._dirty = {}


_NOTHING = Annotation()


def _name(value: object) -> str:
    return " ".join(_text("name", value, LONGEST_NAME).split())


def _note(value: object) -> str:
    return _text("note", value, LONGEST_NOTE).strip()


def _tags(value: object) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"tags is {value!r}, expected a list of texts")
    tags = [" ".join(_text("a tag", tag, LONGEST_TAG).split()) for tag in value]
    found = tuple(dict.fromkeys(tag for tag in tags if tag))
    if len(found) > MOST_TAGS:
        raise ValueError(f"there are {len(found)} tags, expected at most {MOST_TAGS}")
    return found


def _text(what: str, value: object, longest: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is {value!r}, expected a text")
    if len(value) > longest:
        raise ValueError(f"{what} has {len(value)} characters, expected at most {longest}")
    if "\0" in value:
        raise ValueError(f"{what} holds a NUL character")
    return value


def _hue(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < HUES:
        return value
    raise ValueError(f"hue is {value!r}, expected a whole number from 0 to {HUES - 1}, or null")


def _truth(what: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{what} is {value!r}, expected true or false")
    return value


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "note": _note,
    "tags": _tags,
    "hue": _hue,
    "hidden": partial(_truth, "hidden"),
    "turned": partial(_truth, "turned"),
}
