"""Requests that are sent ahead to a model that has been quick."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from gevent import Greenlet

from dubhe_sdk.contract.framing import LENGTH, NUMBER, pack
from dubhe_sdk.service.web.inference import model_connection
from dubhe_sdk.service.web.inference.errors import (
    InferenceFailed,
    InferenceOverloaded,
    ModelDied,
    RequestNotDelivered,
)
from dubhe_sdk.service.web.inference.pool import ModelPool

QUEUE = 4


class Peer:
    """The model's end of the connection, in the test's own hands. It answers by an echo."""

    def __init__(self, folder: Path) -> None:
        path = folder / "m"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.setblocking(False)
        self._sock: socket.socket | None = None
        self._arrived = b""
        self._numbers: deque[bytes] = deque()  # of the requests that have no reply yet
        self.pool = ModelPool([str(path)], concurrency=1, queue=QUEUE)

    def await_connection(self) -> None:
        """Expect the next requests by a new connection."""
        self._sock = None
        self._arrived = b""

    def ask(self, what: str) -> Greenlet:
        return gevent.spawn(self.pool.infer, json.dumps(what).encode())

    def receive(self) -> list[str]:
        """Return the requests that have arrived since the last time."""
        with contextlib.suppress(BlockingIOError):
            if self._sock is None:
                self._sock, _ = self._listener.accept()
                self._sock.setblocking(False)
            while chunk := self._sock.recv(1 << 20):
                self._arrived += chunk
        found = []
        while len(self._arrived) >= LENGTH.size:
            end = LENGTH.size + LENGTH.unpack_from(self._arrived)[0]
            if len(self._arrived) < end:
                break
            begin = LENGTH.size + NUMBER.size
            self._numbers.append(self._arrived[LENGTH.size : begin])
            found.append(json.loads(self._arrived[begin:end]))
            self._arrived = self._arrived[end:]
        return found

    def answer(self, *texts: str) -> None:
        self.send(b"".join(self.reply(b"+" + json.dumps(text).encode()) for text in texts))

    def reply(self, result: bytes) -> bytes:
        """Return the frame with the reply to the oldest request that has none yet."""
        return pack(self._numbers.popleft() + result)

    def send(self, data: bytes) -> None:
        assert self._sock is not None
        while data:
            try:
                data = data[self._sock.send(data) :]
            except BlockingIOError:
                gevent.sleep(1e-4)

    def end(self, jobs: list[Greenlet]) -> None:
        """Answer until all jobs have ended."""
        until = time.monotonic() + 10
        while not all(job.ready() for job in jobs):
            assert time.monotonic() < until
            gevent.sleep(1e-4)  # with 0, gevent would look at sockets only every 5 ms
            if found := self.receive():
                self.answer(*found)

    def line(self, *texts: str) -> list[Greenlet]:
        """Ask, and return the jobs when all are under way and none is answered.

        Quick is what was measured to be, and a busy machine is not always: so it may take tries.
        """
        for _ in range(300):
            self.end([self.ask("warm")])
            jobs = [self.ask(text) for text in texts]
            gevent.sleep(0.002)
            found = self.receive()
            if found == list(texts):
                return jobs
            self.answer(*found)
            self.end(jobs)
        pytest.fail("nothing was sent ahead")

    def die(self) -> None:
        assert self._sock is not None
        self._listener.close()
        self._sock.close()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    peer = Peer(tmp_path)
    yield peer
    with contextlib.suppress(OSError):
        peer.die()


def outcomes(jobs: list[Greenlet]) -> list[object]:
    gevent.joinall(jobs, timeout=10)
    return [type(job.exception) if job.exception else job.value for job in jobs]


def test_each_gets_its_own_reply(peer: Peer) -> None:
    jobs = peer.line("a", "b", "c")
    both = b"".join(peer.reply(b'+"' + text + b'"') for text in (b"a", b"b"))
    peer.send(both[:-3])
    gevent.sleep(0.01)
    assert jobs[0].value == b'"a"' and not jobs[1].ready()
    peer.send(both[-3:] + peer.reply(b'-{"type": "OSError", "text": "no"}'))
    assert outcomes(jobs) == [b'"a"', b'"b"', InferenceFailed]


def test_nobody_gets_the_reply_to_anothers_request(peer: Peer) -> None:
    jobs = peer.line("a", "b")
    peer.reply(b"")  # as if somebody else had answered it
    peer.send(peer.reply(b'+"b"'))
    assert outcomes(jobs) == [ModelDied, ModelDied]


def test_only_the_first_can_have_begun_when_the_model_dies(peer: Peer) -> None:
    jobs = peer.line("a", "b", "c", "d")
    peer.answer("a")
    peer.die()
    assert outcomes(jobs) == [b'"a"', ModelDied, RequestNotDelivered, RequestNotDelivered]


def test_what_was_not_read_counts_as_not_taken_behind_the_first(peer: Peer) -> None:
    jobs = peer.line("a", "b")
    late = peer.ask("c")  # sent, and never read
    gevent.sleep(0.01)
    peer.die()
    assert outcomes([*jobs, late]) == [ModelDied, RequestNotDelivered, RequestNotDelivered]


def test_those_ahead_count_as_waiting(peer: Peer) -> None:
    jobs = peer.line("0", "1", "2", "3", "4")
    with pytest.raises(InferenceOverloaded, match=r"1 inferences are running .* 4 are waiting"):
        peer.pool.infer(b'"5"')
    peer.answer("0")
    assert outcomes(jobs[:1]) == [b'"0"']
    jobs.append(peer.ask("5"))
    peer.answer("1", "2", "3", "4")
    peer.end(jobs)
    assert outcomes(jobs) == [b'"%d"' % number for number in range(6)]


def test_a_large_one_waits_and_none_passes_it(peer: Peer) -> None:
    jobs = peer.line("a", "b")
    large = "x" * 300_000
    jobs += [peer.ask(large), peer.ask("c")]
    gevent.sleep(0.01)
    assert peer.receive() == []
    peer.answer("a", "b")
    peer.end(jobs)
    assert outcomes(jobs) == [json.dumps(text).encode() for text in ("a", "b", large, "c")]


def test_more_than_the_socket_holds_at_once(peer: Peer) -> None:
    jobs = peer.line("a")
    texts = [letter * 80_000 for letter in "bcd"]
    jobs += [peer.ask(text) for text in texts]
    gevent.sleep(0.01)
    peer.answer("a")
    peer.end(jobs)
    assert outcomes(jobs) == [json.dumps(text).encode() for text in ("a", *texts)]


def test_a_reply_that_nobody_waits_for_is_dropped(peer: Peer) -> None:
    jobs = peer.line("a", "b", "c")
    jobs[1].kill()
    peer.answer("a", "b", "c")
    assert jobs[0].get(timeout=10) == b'"a"'
    assert jobs[2].get(timeout=10) == b'"c"'


def test_a_slow_model_gets_one_at_a_time(peer: Peer) -> None:
    first = peer.ask("a")
    gevent.sleep(0.01)
    assert peer.receive() == ["a"]
    gevent.sleep(0.02)
    peer.answer("a")
    assert outcomes([first]) == [b'"a"']
    jobs = [peer.ask("b"), peer.ask("c")]
    gevent.sleep(0.01)
    assert peer.receive() == ["b"]
    peer.answer("b")
    peer.end(jobs)
    assert outcomes(jobs) == [b'"b"', b'"c"']


def test_more_than_was_asked_for_ends_the_connection(peer: Peer) -> None:
    jobs = peer.line("a")
    more = pack(bytes(NUMBER.size) + b'+"b"')
    peer.send(peer.reply(b'+"a"') + more)
    assert outcomes(jobs) == [b'"a"']
    peer.await_connection()
    jobs = [peer.ask("c")]
    peer.end(jobs)  # by a new one
    assert outcomes(jobs) == [b'"c"']


def test_what_follows_half_a_request_goes_by_another_connection(peer: Peer) -> None:
    cut = peer.ask("x" * 4_000_000)  # more than the socket takes
    gevent.sleep(0)
    cut.kill()
    next_one = peer.ask("whole")
    gevent.sleep(0)
    assert peer.receive() == []  # it is not whole
    peer.await_connection()
    assert peer.receive() == ["whole"]
    peer.answer("whole")
    assert json.loads(next_one.get(timeout=10)) == "whole"


def test_no_more_is_sent_ahead_than_is_done_soon(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(model_connection, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(model_connection, "_MOST_AHEAD_SECONDS", 0.01)
    warm = peer.ask("warm")
    with gevent.Timeout(10):
        while not peer.receive():
            gevent.sleep(1e-4)
        clock[0] = 0.004  # it took 4 ms
        peer.answer("warm")
        warm.join()
        jobs = [peer.ask(text) for text in "abcd"]
        found: list[str] = []
        while len(found) < 2:
            gevent.sleep(1e-4)
            found += peer.receive()
        gevent.sleep(0.01)
        assert (found, peer.receive()) == (["a", "b"], [])  # with a third one it would be 12 ms
        peer.answer(*found)
    peer.end(jobs)
    assert [json.loads(job.value) for job in jobs] == list("abcd")


def test_those_that_wait_behind_a_slow_one_are_sent_ahead_once_the_model_is_quick(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each would wait for the reply to the one before, for as long as anybody waits."""
    clock = [0.0]
    monkeypatch.setattr(model_connection, "perf_counter", lambda: clock[0])
    jobs = [peer.ask(text) for text in "abcde"]
    with gevent.Timeout(10):
        for slow, took in (("a", 1.0), ("b", 0.001)):
            found: list[str] = []
            while not found:
                gevent.sleep(1e-4)
                found = peer.receive()
            gevent.sleep(0.01)
            assert (found, peer.receive()) == ([slow], [])
            clock[0] += took
            peer.answer(slow)
        found = []
        while len(found) < 3:
            gevent.sleep(1e-4)
            found += peer.receive()
    peer.answer(*found)
    assert outcomes(jobs) == [json.dumps(text).encode() for text in "abcde"]
