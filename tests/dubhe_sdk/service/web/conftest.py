"""One web process per protocol for the tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.dubhe_sdk.service.web.support import READY, Web

Start = Callable[..., Web]


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Return a function that starts a web process, which ends with the test."""
    webs: list[Web] = []

    def start_one(*args: Any, **kwargs: Any) -> Web:
        webs.append(Web(tmp_path_factory.mktemp("web"), *args, **kwargs))
        return webs[-1]

    yield start_one
    for web in webs:
        web.close()


@pytest.fixture(scope="module")
def shared_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    web = Web(tmp_path_factory.mktemp("web"), "http")
    yield web
    web.close()


@pytest.fixture(scope="module")
def shared_tcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    web = Web(tmp_path_factory.mktemp("web"), "tcp")
    yield web
    web.close()


@pytest.fixture
def http(shared_http: Web) -> Iterator[Web]:
    yield shared_http
    restore(shared_http)


@pytest.fixture
def tcp(shared_tcp: Web) -> Iterator[Web]:
    yield shared_tcp
    restore(shared_tcp)


def restore(web: Web) -> None:
    web.model.answer = lambda request: b"+[]"
    web.start_reply = "started"
    web.push(READY)
