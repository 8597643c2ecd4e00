from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dubhe_sdk.compat import refusal
from dubhe_sdk.model.failure import describe, is_success, log_failure, log_hints, text_of


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
        (ImportError("No module named 'net'", name="net"), "ImportError: No module named 'net'"),
    ],
)
def test_type_and_text(error: BaseException, words: str) -> None:
    assert describe(error) == words
    assert describe(error).endswith(text_of(error))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import dubhe_sdk.param.train", refusal("dubhe_sdk.param")),
        ("from dubhe_sdk.config import Config", f"({refusal('dubhe_sdk.config')})"),
        ("from dubhe_sdk import nothing", "see the page on migrating"),
        ("import dubhe_sdk.nothing", "see the page on migrating"),
        ("import dubhe_sdk; dubhe_sdk.service.ADCkafka", refusal("dubhe_sdk.service.ADCkafka")),
    ],
)
def test_what_takes_the_place_of_a_name_of_2x_is_said_once(line: str, words: str) -> None:
    with pytest.raises((ImportError, AttributeError)) as caught:
        exec(line)
    assert describe(caught.value).count(words) == 1


def test_what_dubhe_check_finds_is_logged(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    log = logging.getLogger("test_failure")
    app = tmp_path / "app.py"
    app.write_text("import dubhe_sdk\n\nclass Net:\n  @dubhe_sdk.train()\n  def fit(self): pass\n")
    log_hints(log, app)
    log_hints(log, tmp_path / "app.so")
    assert [record.getMessage() for record in caplog.records] == [
        "dubhe check: no class is marked @dubhe_sdk.pipeline(): mark the class of your model",
        f"dubhe check: {app}:3: class Net has marked methods, but is not marked itself: "
        "@dubhe_sdk.pipeline()",
    ]


def test_an_algorithm_that_dubhe_check_cannot_read(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "app.py").mkdir()
    log_hints(logging.getLogger("test_failure"), tmp_path / "app.py")
    (record,) = caplog.records
    assert record.getMessage().startswith("dubhe check cannot read the algorithm: NoApp: ")


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
