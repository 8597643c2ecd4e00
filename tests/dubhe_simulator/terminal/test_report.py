"""The confusion matrix and the table of messages, from figures as the platform has them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator.platform.state.message_stats import MessageStats
from dubhe_simulator.terminal.report import delivery_lines, matrix_lines


def summary(*pairs: tuple[str, str]) -> dict[str, Any]:
    """As `result_queries.summary` has it: the classes, and the cells by their places among them."""
    counts = Counter(pairs)
    names = {name for pair in pairs for name in pair if name}
    classes = sorted(names, key=lambda name: (len(name), name))
    labels = [*classes, ""]
    cells = [(labels.index(t), labels.index(p), n) for (t, p), n in counts.items()]
    return {"classes": classes, "cells": cells}


def test_the_matrix_is_aligned() -> None:
    lines = list(matrix_lines(summary(("10", "10"), ("2", "10"), ("2", "2"))))
    assert lines[2:] == [
        "         2  10",
        "     2   1   1",
        "    10   ·   1",
    ]


def test_false_and_missing_predictions_are_in_the_matrix() -> None:
    lines = list(matrix_lines(summary(("a", "a"), ("", "a"), ("", "a"), ("a", ""))))
    assert lines[2:] == [
        "               a (none)",
        "        a      1      1",
        "   (none)      2      ·",
    ]


def test_chinese_labels_take_two_columns() -> None:
    lines = list(matrix_lines(summary(("划伤", "划伤"), ("ok", "划伤"))))
    assert lines[2:] == [
        "          ok 划伤",
        "     ok    ·    1",
        "   划伤    ·    1",
    ]


def test_many_classes_give_the_worst_pairs() -> None:
    many = [(str(n), str(n)) for n in range(30)] + [("1", "2")] * 3
    lines = list(matrix_lines(summary(*many)))
    assert lines[1:] == ["Most frequent confusions (truth → prediction)", "      3  1 → 2"]


def test_messages_by_type() -> None:
    stats = {
        TaskKind.TRAIN: MessageStats({"READY": 1, "progress": 7}, 1, 0, 0, 9),
        TaskKind.INFER: MessageStats({"READY": 1}, 0, 0, 1, 1),
    }
    head, train, infer, unnumbered = delivery_lines(stats)
    assert head.split()[1:3] == ["READY", "progress"]
    assert train.split() == ["training", "1", "7", "9", "8", "1", "0"]
    assert infer.split() == ["inference", "1", "0", "1", "1", "0", "0"]
    assert "1 messages have no sequence number" in unnumbered
