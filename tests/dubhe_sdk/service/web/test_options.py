"""Limits from the environment."""

from __future__ import annotations

import resource

import pytest

from dubhe_sdk.environment import MIB
from dubhe_sdk.errors import EnvironmentInvalid
from dubhe_sdk.service.web.options import WebOptions, connection_limit, read_web_options


def test_defaults() -> None:
    assert read_web_options({}) == WebOptions(16 * MIB, 10_000, 30.0, 75.0, 60.0, 256 * MIB, 2.5)


def test_one_request_always_fits_into_the_buffer() -> None:
    env = {"DUBHE_MAX_REQUEST_BYTES": str(8 * MIB), "DUBHE_MAX_BUFFER_BYTES": str(MIB)}
    assert read_web_options(env).max_buffer_bytes > 8 * MIB


@pytest.mark.parametrize(
    "name", ["DUBHE_MAX_REQUEST_BYTES", "DUBHE_MAX_CONNECTIONS", "DUBHE_MAX_BUFFER_BYTES"]
)
@pytest.mark.parametrize("value", ["x", "0", "-1", "1e99"])
def test_malformed(name: str, value: str) -> None:
    with pytest.raises(EnvironmentInvalid, match=name):
        read_web_options({name: value})


@pytest.mark.parametrize("name", ["DUBHE_TRANSFER_TIMEOUT_SECONDS", "DUBHE_IDLE_TIMEOUT_SECONDS"])
@pytest.mark.parametrize("value", ["0", "0.05", "-1", "x"])
def test_a_time_in_which_nothing_can_arrive(name: str, value: str) -> None:
    words = f"{name} is '{value}', expected seconds from 0.1 to 86400"
    with pytest.raises(EnvironmentInvalid, match=words):
        read_web_options({name: value})


def test_as_many_connections_as_open_files_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(256, 1024)]
    monkeypatch.setattr(resource, "getrlimit", lambda which: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda which, new: limits.append(new))
    assert 500 < connection_limit(10_000, concurrency=8) < 1024 - 8
    assert limits[-1] == (1024, 1024)
    assert connection_limit(3, concurrency=8) == 3
    limits.append((64, resource.RLIM_INFINITY))
    assert connection_limit(10_000, concurrency=8) == 10_000
