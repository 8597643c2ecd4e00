from __future__ import annotations

import pytest

from dubhe_sdk.contract.kind import TaskKind, kind_of


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("train", TaskKind.TRAIN),
        ("forecast", TaskKind.EVALUATE),
        ("inference", TaskKind.INFER),
        ("automark", TaskKind.INFER),
        ("replay", TaskKind.INFER),
        ("kdtask", TaskKind.INFER),
    ],
)
@pytest.mark.parametrize("shape", ["a-b-{}", "a-b-{}-d", "a-b-{}-d-e", "a-b-{}-d-e-f-g"])
def test_the_third_part_is_the_kind(shape: str, word: str, kind: TaskKind) -> None:
    assert kind_of(shape.format(word)) is kind


@pytest.mark.parametrize("text", ["", "a", "a-b", "-b-train-d", "a--train-d", "a-b--d"])
def test_fewer_parts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected three or more"):
        kind_of(text)


@pytest.mark.parametrize("word", ["Train", "predict", "x"])
def test_an_unknown_third_part_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=f"{word}.*expected one of train, forecast"):
        kind_of(f"train-train-{word}-train")


@pytest.mark.parametrize("kind", list(TaskKind))
def test_each_kind_has_a_word_and_a_request_type(kind: TaskKind) -> None:
    assert kind_of(f"a-b-{kind.id_word}-d") is kind
    types = {TaskKind.TRAIN: 1, TaskKind.EVALUATE: 2, TaskKind.INFER: 3}
    assert kind.request_type == types[kind]
