"""`SharedBody`: filled in one process, read by its descriptor in another one."""

from __future__ import annotations

import json
import os
import socket

import pytest

from dubhe_sdk.ipc.shared_body import SharedBody

TEXT = '{"图": "' + "a" * 3_000_000 + '"}'


def filled(data: bytes, begun: int = 10, ends_after: int | None = None) -> tuple[SharedBody, int]:
    body = SharedBody.create(len(data))
    rest = memoryview(data)[begun:ends_after]

    def recv_into(buffer: memoryview) -> int:
        nonlocal rest
        count = min(len(buffer), len(rest), 65536)
        buffer[:count], rest = rest[:count], rest[count:]
        return count

    return body, body.fill(data[:begun], recv_into)


def test_it_arrives_by_its_descriptor() -> None:
    body, count = filled(TEXT.encode())
    assert count == len(body) == len(TEXT.encode())
    sender, receiver = socket.socketpair()
    with sender, receiver:
        socket.send_fds(sender, [body.message], [body.descriptor])
        body.close()
        message, (descriptor,), *_ = socket.recv_fds(receiver, 100, 1)
    assert SharedBody.is_message(message)
    received = SharedBody.received(message, descriptor)
    assert received.text() == TEXT
    assert received.read() == TEXT.encode()
    assert received.edges(4) == TEXT.encode()[:4] + b'aa"}'
    received.close()
    with pytest.raises(OSError):
        os.fstat(descriptor)


def test_a_stream_that_ends_early_is_noticed() -> None:
    body, count = filled(TEXT.encode(), ends_after=1_000_000)
    assert count == 1_000_000
    body.close()


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be"])
def test_codings_are_those_of_json(coding: str) -> None:
    data = TEXT.encode(coding)
    body, _ = filled(data)
    assert json.loads(body.text()) == json.loads(data)
    body.close()


def test_no_request_looks_like_its_message() -> None:
    assert not SharedBody.is_message(b'{"req_type": 3}')
    assert not SharedBody.is_message(b"")
