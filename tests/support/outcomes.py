"""A pytest plugin that writes down how each test ended and how long it took.

A failure is named at once: pytest itself tells of it when all others have run.

Load it with ``-p tests.support.outcomes --outcomes FILE``; `read` reads the file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest


@dataclass
class Outcome:
    """How one test ended.

    Attributes:
        result: "passed", "failed" (in the test, its setup or its teardown) or "skipped".
        seconds: setup, call and teardown together.
    """

    result: str = "passed"
    seconds: float = 0.0


def read(file: Path) -> dict[str, Outcome]:
    """Return the outcomes by test id, in the order in which the tests ended.

    Raises:
        FileNotFoundError: the session that was to write the file did not end by itself.
    """
    return {test: Outcome(**values) for test, values in json.loads(file.read_text("utf-8")).items()}


class _Recorder:
    def __init__(self, file: Path, config: pytest.Config) -> None:
        self._file = file
        self._config = config
        self._outcomes: dict[str, Outcome] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome = self._outcomes.setdefault(report.nodeid, Outcome())
        outcome.seconds += report.duration
        # A teardown that passes does not make up for a call that failed.
        if report.failed or (report.skipped and outcome.result == "passed"):
            outcome.result = report.outcome
        if report.failed:
            self._name(report)

    def _name(self, report: pytest.TestReport) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        if terminal is not None:
            terminal.ensure_newline()
            terminal.write_line(f"FAILED {report.nodeid} ({report.when})", red=True)

    def pytest_sessionfinish(self) -> None:
        values = {test: asdict(outcome) for test, outcome in self._outcomes.items()}
        self._file.write_text(json.dumps(values), "utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--outcomes``."""
    parser.addoption("--outcomes", type=Path, metavar="FILE", help="write each test's outcome here")


def pytest_configure(config: pytest.Config) -> None:
    """Record in the session that sees all tests, not in its workers."""
    file = config.getoption("outcomes")
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Recorder(file.absolute(), config))
