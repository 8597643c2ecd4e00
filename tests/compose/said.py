"""What Kafka holds after a project's instances have spoken."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from tests.compose.project import Project
from tests.kafka.reader import Message

STATUS, RESULT = "alg_model_progress", "als_model_result"
# A training with one partition and one image less may not go unnoticed: the counts are exact.
EPOCHS, BATCHES, VALIDATED, TESTED = 2, 39, 180, 359


def values(messages: list[Message], kind: str) -> list[dict[str, Any]]:
    """Return what instances of a kind said, in the order of delivery."""
    parsed = [json.loads(message.value or b"") for message in messages]
    return [value for value in parsed if value["instance_id"].split("-")[2] == kind]


def check_once_and_in_order(messages: list[Message]) -> None:
    """Every writer's numbers ascend within a topic, without one that comes twice."""
    numbers: dict[bytes | None, list[int]] = defaultdict(list)
    for message in messages:
        headers = dict(message.headers)
        numbers[headers["dubhe-writer"]].append(int(headers["dubhe-seq"] or b""))
    for found in numbers.values():
        assert found == sorted(set(found))


def actions(said: list[dict[str, Any]]) -> list[str]:
    """Return READY, START and END, and what lies between in one word."""
    words: list[str] = []
    for value in said:
        word = value["data"].get("action", "progress")
        if not words or words[-1] != word:
            words.append(word)
    return words


def check_digits(project: Project) -> None:
    """Kafka holds what one training, evaluation and inference of the digits say, and once."""
    status, result = project.read(STATUS), project.read(RESULT)
    check_once_and_in_order(status)
    check_once_and_in_order(result)
    train = values(status, "train")
    assert actions(train) == ["READY", "START", "progress", "END"]
    assert sum("progress" in value["data"] for value in train) == EPOCHS * (BATCHES + 1)
    assert [value["data"]["status"] for value in train if "action" in value["data"]] == [200] * 3
    assert len(values(result, "train")) == VALIDATED
    assert actions(values(status, "forecast")) == ["READY", "START", "progress", "END"]
    assert len(values(result, "forecast")) == TESTED
    assert actions(values(status, "inference")) == ["READY"]
    assert not values(result, "inference")
