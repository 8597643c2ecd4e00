from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from dubhe_sdk.ipc.channel import Channel


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    ours, theirs = (Channel(sock) for sock in socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def test_messages_arrive_in_order_whichever_way_they_are_read(
    pair: tuple[Channel, Channel],
) -> None:
    ours, theirs = pair
    assert ours.poll() == []
    for number in range(3):
        assert theirs.send({"op": "test", "number": number, "text": "文"})
    first = ours.receive()
    assert first == {"op": "test", "number": 0, "text": "文"}
    assert [message["number"] for message in ours.poll() or []] == [1, 2]
    assert ours.poll() == []


def test_a_long_message_does_not_wait_for_more_than_its_own_end(
    pair: tuple[Channel, Channel],
) -> None:
    ours, theirs = pair
    long = {"op": "run", "text": "x" * 5_000_000}
    thread = threading.Thread(target=theirs.send, args=[long])
    thread.start()
    received: list[dict[str, object]] = []
    while not received:
        received += ours.poll() or []
    thread.join()
    assert received == [long]


def test_what_was_reported_before_the_end_is_still_read(pair: tuple[Channel, Channel]) -> None:
    ours, theirs = pair
    theirs.send({"op": "last"})
    theirs.close()
    assert ours.poll() == [{"op": "last"}]
    assert ours.poll() is None
    assert ours.receive() is None
    assert not ours.send({"op": "too late"})
