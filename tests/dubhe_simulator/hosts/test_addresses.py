"""Which hosts a platform shall use."""

from __future__ import annotations

import pytest

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.errors import CannotStart
from dubhe_simulator.hosts.addresses import chosen_hosts

ALL = ("train=a", "evaluate=b:81", "infer=c")


@pytest.mark.parametrize(
    ("kinds", "chosen"),
    [
        (
            "",
            {
                TaskKind.TRAIN: ("a", 8029),
                TaskKind.EVALUATE: ("b", 81),
                TaskKind.INFER: ("c", 8029),
            },
        ),
        ("train", {TaskKind.TRAIN: ("a", 8029)}),
        ("evaluate, other", {TaskKind.EVALUATE: ("b", 81)}),
    ],
)
def test_kinds_choose_among_the_hosts(kinds: str, chosen: dict[TaskKind, tuple[str, int]]) -> None:
    assert chosen_hosts(ALL, kinds) == chosen


def test_words_that_are_no_kind_leave_all() -> None:
    assert len(chosen_hosts(ALL, "*,mine")) == 3


@pytest.mark.parametrize("value", ["train", "train=", "other=a", "train=a:b", "=a"])
def test_a_malformed_host_is_told(value: str) -> None:
    with pytest.raises(CannotStart, match="--on"):
        chosen_hosts([value], "")
