from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubhe_sdk.contract.framing import FrameReader, FrameTooLarge, pack


class Chunks:
    """A socket that gives its bytes in pieces of given sizes."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self.data = data
        self.sizes = sizes

    def recv(self, size: int) -> bytes:
        size = min(size, self.sizes.pop(0) if self.sizes else 1)
        chunk, self.data = self.data[:size], self.data[size:]
        return chunk

    def sendall(self, data: bytes) -> None:
        raise AssertionError("nothing is sent")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_frame_is_a_big_endian_length_and_the_payload() -> None:
    assert pack(b"ab") == b"\0\0\0\2ab"
    assert pack(b"") == b"\0\0\0\0"
    assert pack(b"x" * 256)[:4] == b"\0\0\1\0"


@given(
    payloads=st.lists(st.binary(max_size=300), max_size=8),
    sizes=st.lists(st.integers(1, 400), max_size=40),
)
def test_frames_come_back_however_they_are_cut(payloads: list[bytes], sizes: list[int]) -> None:
    reader = FrameReader(Chunks(b"".join(map(pack, payloads)), sizes), 1000)
    assert [reader.read() for _ in payloads] == payloads
    assert reader.read() is None


def test_several_frames_in_one_segment(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.sendall(pack(b"one") + pack(b"two") + b"\0\0")
    reader = FrameReader(ours, 1000)
    assert reader.read() == b"one"
    assert reader.buffered
    assert reader.read() == b"two"


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_peer_that_hangs_up_in_mid_frame(
    pair: tuple[socket.socket, socket.socket], cut: int
) -> None:
    ours, theirs = pair
    theirs.sendall(pack(b"abcd")[:cut])
    theirs.close()
    assert FrameReader(ours, 1000).read() is None


@pytest.mark.parametrize("head", [b"\0\0\3\xe9", b"\xff\xff\xff\xff", b"\x80\0\0\0"])
def test_a_length_beyond_the_limit_is_refused_before_its_bytes_come(head: bytes) -> None:
    # Unsigned: what looks negative in other readers is just very long.
    with pytest.raises(FrameTooLarge) as caught:
        FrameReader(Chunks(head, []), 1000).read()
    assert caught.value.length == int.from_bytes(head, "big")
    assert caught.value.limit == 1000


def test_the_limit_itself_is_accepted() -> None:
    assert FrameReader(Chunks(pack(b"x" * 1000), [5000]), 1000).read() == b"x" * 1000
