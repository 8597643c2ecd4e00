from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.launch.shutdown_times import read_shutdown_times
from dubhe_sdk.service.options import ServiceOptions, read_service_options


def test_defaults_and_values() -> None:
    assert read_service_options({}) == ServiceOptions(1, 1000, read_shutdown_times({}), 1)
    given = {
        "DUBHE_INFERENCE_CONCURRENCY": " 4 ",
        "DUBHE_INFERENCE_QUEUE": "0",
        "DUBHE_TASK_STOP_TIMEOUT_SECONDS": "0.5",
        "DUBHE_INFERENCE_WORKERS": "64",
        "DUBHE_REQUEST": "/etc/request.json",
        "DUBHE_ONCE": "1",
    }
    assert read_service_options(given) == ServiceOptions(
        4, 0, read_shutdown_times(given), 64, Path("/etc/request.json"), once=True
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DUBHE_INFERENCE_CONCURRENCY", "0"),
        ("DUBHE_INFERENCE_CONCURRENCY", "257"),
        ("DUBHE_INFERENCE_QUEUE", "-1"),
        ("DUBHE_TASK_STOP_TIMEOUT_SECONDS", "soon"),
        ("DUBHE_INFERENCE_WORKERS", "0"),
        ("DUBHE_INFERENCE_WORKERS", "65"),
        ("DUBHE_ONCE", "true"),
    ],
)
def test_malformed_ones_are_named(name: str, value: str) -> None:
    with pytest.raises(EnvironmentInvalid, match=f"{name} is '{value}', expected"):
        read_service_options({name: value})
