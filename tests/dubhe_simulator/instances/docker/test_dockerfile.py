from __future__ import annotations

import pytest

from dubhe_simulator.instances.docker.dockerfile import bases, is_base, with_base

TWO_STAGES = """\
# FROM nothing
from --platform=linux/amd64 node:20 AS page
FROM hub.local:5000/dubhe-base:1.2 AS last
ARG X=y
FROM ${X}
COPY . /app
"""


def test_bases_of_all_stages_but_those_with_variables() -> None:
    assert bases(TWO_STAGES) == ["node:20", "hub.local:5000/dubhe-base:1.2"]


@pytest.mark.parametrize(
    ("image", "expected"),
    [("dubhe-base", True), ("a/dubhe-base:1", True), ("dubhe-base-gpu", False), ("a:5/b", False)],
)
def test_the_base_by_whatever_registry_and_tag(image: str, expected: bool) -> None:
    assert is_base(image) is expected


def test_another_base_takes_its_place_and_nothing_else_changes() -> None:
    changed = with_base(TWO_STAGES, "mine:2")
    assert changed == TWO_STAGES.replace("hub.local:5000/dubhe-base:1.2", "mine:2")


def test_without_the_base_there_is_nothing_to_replace() -> None:
    assert with_base("FROM debian\n", "mine:2") is None
