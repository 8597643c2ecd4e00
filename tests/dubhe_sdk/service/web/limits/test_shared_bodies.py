"""`SharedBodies`: requests that cannot be in shared memory are read as bytes."""

from __future__ import annotations

import errno
import os

import pytest

from dubhe_sdk.ipc.shared_body import SHARED_FROM_BYTES
from dubhe_sdk.service.web.limits.shared_bodies import SharedBodies


def test_long_requests_up_to_the_limit() -> None:
    bodies = SharedBodies(1)
    assert bodies.create(SHARED_FROM_BYTES - 1) is None
    first = bodies.create(SHARED_FROM_BYTES)
    assert first is not None
    assert bodies.create(SHARED_FROM_BYTES) is None
    bodies.close(first)
    again = bodies.create(SHARED_FROM_BYTES)
    assert again is not None
    bodies.close(again)


def test_where_there_is_no_memory_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str, flags: int) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    bodies = SharedBodies(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "memfd_create", refuse)
        assert bodies.create(SHARED_FROM_BYTES) is None
    body = bodies.create(SHARED_FROM_BYTES)
    assert body is not None
    bodies.close(body)
