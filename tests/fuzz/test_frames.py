"""hypothesis against a running TCP service: however bytes are cut, each whole frame is answered.

What is whole is told by a model of the framing; hypothesis makes a failing example small.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.dubhe_sdk.service.harness import INFERENCE_ID, App
from tests.fuzz.campaign import SOURCE
from tests.fuzz.payloads import LIMIT
from tests.fuzz.replies import BOUND_SECONDS, Bytes, check

PAYLOADS = st.binary(max_size=40) | st.sampled_from(
    [b"", b"{}", b'{"req_type": 0}', b"[" * 900, b'"\\ud800"', b"\0" * 9, b" " * 20_000]
)
FRAMES = st.lists(PAYLOADS.map(lambda body: struct.pack(">I", len(body)) + body), max_size=12)
TAILS = st.binary(max_size=12) | st.sampled_from(
    [struct.pack(">I", LIMIT + 1), b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\x05ab"]
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    env = {"DUBHE_MAX_REQUEST_BYTES": str(LIMIT)}
    folder: Path = tmp_path_factory.mktemp("frames") / "app"
    with App(folder, SOURCE, INFERENCE_ID, "tcp", env) as running:
        yield running.start()


def expected(data: bytes) -> int:
    """Return how many replies bytes get before the end of the stream."""
    count = 0
    while len(data) >= 4:
        (length,) = struct.unpack(">I", data[:4])
        if length > LIMIT:
            return count + 1  # the refusal; the connection is closed
        if len(data) < 4 + length:
            break
        data = data[4 + length :]
        count += 1
    return count


@given(FRAMES, TAILS, st.lists(st.integers(0, 400), max_size=5))
@example([], b"\xff\xff\xff\xff", [])
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_every_whole_frame_is_answered(
    app: App, frames: list[bytes], tail: bytes, cuts: list[int]
) -> None:
    data = b"".join(frames) + tail
    with socket.create_connection(("127.0.0.1", app.port), timeout=BOUND_SECONDS) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        at = 0
        for cut in cuts:
            sock.sendall(data[at : at + cut])
            at += cut
        sock.sendall(data[at:])
        sock.shutdown(socket.SHUT_WR)
        reader = Bytes(sock)
        for _ in range(expected(data)):
            check(reader.frame())
        assert reader.rest() == b""
