"""`Stream`: a socket of the hot path."""

from __future__ import annotations

import socket
import time

import gevent

from dubhe_sdk.service.web.arrivals import ArrivalOrder
from dubhe_sdk.service.web.stream import Stream


class Counted(Stream):
    """A stream that counts how often it is woken."""

    wakes = 0  # of this one

    def wake(self) -> None:
        self.wakes += 1
        super().wake()


def test_one_that_stands_in_line_for_several_rounds_is_woken_once() -> None:
    order = ArrivalOrder(lambda begun: False)
    pairs = [socket.socketpair() for _ in range(20)]

    def serve(stream: Stream) -> None:
        stream.recv(10)
        time.sleep(0.003)  # longer than a round
        stream.close()

    streams = [Counted(ours, order) for ours, _ in pairs]
    served = [gevent.spawn(serve, stream) for stream in streams]
    for _, theirs in pairs:
        theirs.send(b"x")
    gevent.joinall(served, timeout=60, raise_error=True)
    assert all(greenlet.dead for greenlet in served), "each has had its turn"
    gevent.sleep(0.05)
    assert [stream.wakes for stream in streams] == [1] * len(streams)
    for _, theirs in pairs:
        theirs.close()


def test_a_request_that_waits_for_its_turn_is_not_late() -> None:
    order = ArrivalOrder(lambda begun: False)
    pairs = [socket.socketpair() for _ in range(2)]

    def serve(ours: socket.socket) -> bytes:
        stream = Stream(ours, order, idle_seconds=0.1)
        begun = stream.recv_idle(10)
        time.sleep(0.2)  # meanwhile the time of the other one ends
        stream.close()
        return begun

    served = [gevent.spawn(serve, ours) for ours, _ in pairs]
    for _, theirs in pairs:
        theirs.send(b"x")
    gevent.joinall(served, timeout=60, raise_error=True)
    assert [greenlet.value for greenlet in served] == [b"x", b"x"]
    for _, theirs in pairs:
        theirs.close()


def test_a_body_that_never_pauses_lets_others_run() -> None:
    ours, theirs = socket.socketpair()
    stream = Stream(ours, ArrivalOrder(lambda begun: False))
    theirs.setblocking(False)
    turns = 0

    def count_turns() -> None:
        nonlocal turns
        while True:
            gevent.sleep(0)
            turns += 1

    other = gevent.spawn(count_turns)
    buffer = memoryview(bytearray(1024))
    gevent.sleep(0)
    for _ in range(100):
        theirs.send(bytes(1024))  # there is always something to read
        assert stream.recv_into(buffer) == 1024
    assert turns > 1
    other.kill()
    stream.close()
    theirs.close()
