"""What people may note on a run."""

from __future__ import annotations

from typing import Any

import pytest

from dubhe_simulator.platform.state.annotations import (
    LONGEST_NAME,
    LONGEST_NOTE,
    LONGEST_TAG,
    MOST_TAGS,
    checked,
)


def test_texts_are_tidied_and_tags_are_there_once() -> None:
    noted = checked({"name": "  base \n line ", "note": " a\nb ", "tags": ["x", " x ", "", "y z"]})
    assert noted == {"name": "base line", "note": "a\nb", "tags": ("x", "y z")}
    assert checked({"hue": 9, "hidden": True}) == {"hue": 9, "hidden": True}
    assert checked({"hue": None, "name": "", "tags": []}) == {"hue": None, "name": "", "tags": ()}
    assert checked({}) == {}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"name": 3}, "name is 3, expected a text"),
        ({"name": "x" * (LONGEST_NAME + 1)}, "name has 121 characters, expected at most 120"),
        ({"note": "x" * (LONGEST_NOTE + 1)}, "expected at most 10000"),
        ({"note": "a\0b"}, "NUL"),
        ({"tags": "best"}, "expected a list of texts"),
        ({"tags": ["x" * (LONGEST_TAG + 1)]}, "a tag has 41 characters"),
        (
            {"tags": [str(n) for n in range(MOST_TAGS + 1)]},
            "there are 31 tags, expected at most 30",
        ),
        ({"tags": [None]}, "a tag is None"),
        ({"hue": 10}, "hue is 10, expected a whole number from 0 to 9, or null"),
        ({"hue": True}, "hue is True"),
        ({"hidden": 1}, "hidden is 1, expected true or false"),
        ({"deleted": True}, "'deleted' is not one of name, note, tags, hue, hidden"),
    ],
)
def test_what_cannot_be_noted_is_named(changes: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        checked(changes)
    assert wrong in str(refused.value)
