"""Rules and fixtures for all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import hypothesis
import pytest

from tests.support.processes import stop_ignoring_signals

# How long one example takes is the machine's affair; a test as a whole has its time limit.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")

pytest_plugins = [
    "tests.docker.fixtures",
    "tests.kafka.fixtures",
    "tests.kubernetes.fixtures",
    "tests.page.fixtures",
    "tests.support.selection",
    "tests.support.order",
]

# An environment in which somebody works on the SDK must not steer the tests.
for name in list(os.environ):
    if name.startswith(("DUBHE_", "KAFKA_", "TOPIC_MODEL_")) or name in (
        "INSTANCE_ID",
        "PLATFORM_TYPE",
        "BOOTSTRAP_SERVERS",
        "PORT",
        "protocol",
        "model_path",
        "special_params",
        "RELY_MODEL_DATA",
    ):
        del os.environ[name]


stop_ignoring_signals()


@pytest.fixture(autouse=True)
def closed_writers() -> Iterator[None]:
    """No test leaves a spool's writer open."""
    yield
    if helpers := sys.modules.get("tests.dubhe_sdk.spool.helpers"):
        helpers.close_writers()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> object:
    """A child that a test forks, and that leaves the test, must not run the tests after it."""
    pid = os.getpid()
    try:
        return (yield)
    finally:
        if os.getpid() != pid:
            os._exit(70)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """In CI a test that is skipped has failed: what it guards was not looked at."""
    report: pytest.TestReport = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure in CI: {report.longrepr}"
    return report
