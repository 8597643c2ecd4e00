from __future__ import annotations

import logging

import pytest

from dubhe_sdk.model.failure import describe, is_success, log_failure, text_of


class Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("no images"), "ValueError: no images"),
        (KeyError("loss"), "KeyError: 'loss'"),
        (ValueError(), "ValueError: "),
        (SystemExit(3), "SystemExit: 3"),
        (Odd(), "Odd: (its text raised RuntimeError)"),
    ],
)
def test_type_and_text(error: BaseException, words: str) -> None:
    assert describe(error) == words
    assert describe(error).endswith(text_of(error))


@pytest.mark.parametrize(
    ("error", "success"),
    [
        (SystemExit(), True),
        (SystemExit(None), True),
        (SystemExit(0), True),
        (SystemExit(1), False),
        (SystemExit("0"), False),
        (KeyboardInterrupt(), False),
        (Exception(0), False),
    ],
)
def test_which_exits_are_a_success(error: BaseException, success: bool) -> None:
    assert is_success(error) is success


def test_the_traceback_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("test_failure")
    for error in (ValueError("no images"), Odd()):
        try:
            raise error
        except Exception as caught:  # noqa: BLE001 - whatever was raised is what is tested
            log_failure(log, "the task failed", caught)
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("the task failed:\nTraceback (most recent call last):\n")
    assert first.endswith("ValueError: no images")
    assert "Odd" in second
