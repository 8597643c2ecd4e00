"""What is done again until an engine takes it."""

from __future__ import annotations

import threading

from dubhe_simulator.instances.base import Condition
from dubhe_simulator.instances.engine_problem import EngineProblem, EngineSilent, until_answered
from tests.support.languages import in_both_languages

SILENCE = Condition("engine_silent", {"detail": "timeout"})


def test_its_words_are_those_of_whoever_asks() -> None:
    problem = EngineSilent(SILENCE)
    assert in_both_languages(lambda: problem.condition.text) == (
        "the Docker engine does not answer: timeout",
        "Docker 引擎没有响应：timeout",
    )


def test_work_is_done_again_until_the_engine_takes_it() -> None:
    problems: list[EngineProblem] = [EngineSilent(SILENCE)]
    done = threading.Event()

    def work() -> None:
        if problems:
            raise problems.pop()
        done.set()

    until_answered(work)
    assert done.wait(60)


def test_no_attempt_is_made_after_the_end() -> None:
    end, attempts = threading.Event(), []
    end.set()
    before = threading.active_count()
    until_answered(lambda: attempts.append(1), end)
    while threading.active_count() > before:
        end.wait()
    assert attempts == []
