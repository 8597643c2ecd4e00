"""Batches: who gets into one, when it begins, and what becomes of it."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
from pathlib import Path

import gevent
import pytest

from dubhe_sdk.contract.framing import NUMBER, FrameReader, pack, unpack_all
from dubhe_sdk.errors import RequestInvalid
from dubhe_sdk.service.web.inference import model_connection
from dubhe_sdk.service.web.inference.errors import (
    ClientGone,
    InferenceFailed,
    InferenceOverloaded,
    ModelDied,
)
from dubhe_sdk.service.web.inference.pool import ModelPool

LONG = 3600.0


class Model:
    """A model process that takes batches; each call waits until it is let go.

    Args:
        path: of its socket.
    """

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.calls: list[list[int]] = []
        self.let_go = threading.Semaphore(0)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        reader = FrameReader(connection, 2**32 - 1)
        with connection:
            while (frame := reader.read()) is not None:
                numbers = [json.loads(body)["n"] for body in unpack_all(frame[NUMBER.size :])]
                self.calls.append(numbers)
                assert self.let_go.acquire(timeout=20)
                if 99 in numbers:
                    return  # it dies
                replies = [self._reply(number) for number in numbers]
                connection.sendall(pack(frame[: NUMBER.size] + b"".join(map(pack, replies))))

    def _reply(self, number: int) -> bytes:
        if number == 50:
            return b'-{"type": "ValueError", "text": "50"}'
        return b"!odd" if number == 51 else b"+%d" % number


class Gone:
    def has_gone(self) -> bool:
        return True

    def others_have_come(self) -> bool:
        return True


class Alone:
    def has_gone(self) -> bool:
        return False

    def others_have_come(self) -> bool:
        return False


def made(*models: Model, size: int = 4, wait: float = LONG, **bounds: int) -> ModelPool:
    pool = ModelPool([model.path for model in models], **{"concurrency": 1, "queue": 99, **bounds})
    pool.set_batches(size, wait)
    return pool


def ask(pool: ModelPool, number: int, client: Gone | Alone | None = None) -> gevent.Greenlet:
    return gevent.spawn(pool.infer, json.dumps({"n": number}).encode(), client)


def wait_for_calls(model: Model, calls: list[list[int]]) -> None:
    with gevent.Timeout(20):
        while model.calls != calls:
            gevent.sleep(0.01)


def values(jobs: list[gevent.Greenlet]) -> list[bytes]:
    gevent.joinall(jobs, timeout=20)
    return [job.value for job in jobs]


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(tmp_path / "model.sock")


def test_an_idle_model_gets_a_single_request_at_once(model: Model) -> None:
    pool = made(model)
    job = ask(pool, 1)
    wait_for_calls(model, [[1]])
    model.let_go.release()
    assert values([job]) == [b"1"]


def test_one_that_comes_alone_is_a_batch_of_its_own(model: Model) -> None:
    pool = made(model)
    model.let_go.release(3)
    assert pool.infer(b'{"n": 1}', Alone()) == b"1"
    with pytest.raises(InferenceFailed):
        pool.infer(b'{"n": 50}', Alone())
    assert pool.infer(b'{"n": 2}', Alone()) == b"2"
    assert model.calls == [[1], [50], [2]]
    figures = pool.describe()
    assert figures["begun_at_once"] == 3
    assert figures["batches"]["counts"][0] == 3


def test_while_one_runs_alone_the_others_gather(model: Model) -> None:
    pool = made(model)
    jobs = [ask(pool, 0, Alone())]
    wait_for_calls(model, [[0]])
    jobs += [ask(pool, number, Alone()) for number in (1, 2)]
    gevent.sleep(0)
    model.let_go.release(2)
    assert values(jobs) == [b"0", b"1", b"2"]
    assert model.calls == [[0], [1, 2]]


def test_the_end_of_one_that_runs_alone_holds_up_nobody(model: Model) -> None:
    pool = made(model)
    first = ask(pool, 0, Alone())
    wait_for_calls(model, [[0]])
    second = ask(pool, 1, Alone())
    gevent.sleep(0)
    first.kill()
    model.let_go.release(2)
    assert values([second]) == [b"1"]
    assert model.calls == [[0], [1]]


def test_a_quick_process_gets_one_full_batch_ahead(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_connection, "perf_counter", lambda: 0.0)  # it is quick
    pool = made(model, size=2, queue=3)
    model.let_go.release()
    assert values([ask(pool, 9)]) == [b"9"]
    sent: list[int] = []
    process = pool._processes[0]
    send = process.infer_batch

    def note(bodies: list[bytes]) -> list[bytes]:
        sent.append(len(bodies))
        return send(bodies)

    process.infer_batch = note  # type: ignore[method-assign, assignment]
    jobs = [ask(pool, number) for number in range(5)]
    wait_for_calls(model, [[9], [0, 1]])
    assert sent == [2, 2]  # the fifth waits for another one, or for its turn
    assert pool.describe()["waiting"] == 3
    with pytest.raises(InferenceOverloaded, match=r"2 inferences are running .* and 3 are waiting"):
        pool.infer(b'{"n": 6}')
    model.let_go.release(3)
    assert values(jobs) == [b"%d" % number for number in range(5)]
    assert model.calls == [[9], [0, 1], [2, 3], [4]]


def test_a_batch_that_may_take_long_is_not_sent_ahead(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(model_connection, "perf_counter", lambda: clock[0])
    pool = made(model, size=16)
    first = ask(pool, 99 + 1)
    wait_for_calls(model, [[100]])
    clock[0] = 0.004  # one took 4 ms, so sixteen may take 64
    model.let_go.release()
    assert values([first]) == [b"100"]
    jobs = [ask(pool, number) for number in range(32)]
    wait_for_calls(model, [[100], list(range(16))])
    gevent.sleep(0.01)
    assert pool._processes[0].running == 1
    model.let_go.release(2)
    assert values(jobs) == [b"%d" % number for number in range(32)]


def test_a_batch_that_is_not_full_after_all_is_not_sent_ahead(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_connection, "perf_counter", lambda: 0.0)  # it is quick
    pool = made(model, size=2)
    model.let_go.release()
    assert values([ask(pool, 9)]) == [b"9"]
    jobs = [ask(pool, number) for number in range(2)]
    wait_for_calls(model, [[9], [0, 1]])
    gone = ask(pool, 3, Gone())
    jobs.append(ask(pool, 2))
    gevent.sleep(0.01)
    assert pool._processes[0].running == 1
    jobs.append(ask(pool, 4))
    gevent.sleep(0.01)
    assert pool._processes[0].running == 2  # now it is
    model.let_go.release(2)
    assert values([*jobs, gone]) == [b"0", b"1", b"2", b"4", None]
    assert model.calls == [[9], [0, 1], [2, 4]]


def test_those_that_come_together_and_those_that_come_meanwhile(model: Model) -> None:
    pool = made(model)
    jobs = [ask(pool, number) for number in range(3)]
    wait_for_calls(model, [[0, 1, 2]])  # nobody has waited for a fourth
    jobs += [ask(pool, number) for number in range(3, 12)]
    gevent.sleep(0)
    model.let_go.release(9)
    assert values(jobs) == [b"%d" % number for number in range(12)]
    assert model.calls == [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9, 10], [11]]


def test_a_second_call_begins_when_it_is_full_or_has_waited(model: Model) -> None:
    pool = made(model, concurrency=2)
    jobs = [ask(pool, number) for number in range(6)]
    wait_for_calls(model, [[0, 1, 2, 3]])  # the second call would not be full
    jobs += [ask(pool, number) for number in (6, 7)]
    wait_for_calls(model, [[0, 1, 2, 3], [4, 5, 6, 7]])
    model.let_go.release(2)
    assert values(jobs) == [b"%d" % number for number in range(8)]
    pool = made(model, concurrency=2, wait=0.05)
    model.calls.clear()
    jobs = [ask(pool, number) for number in range(5)]
    wait_for_calls(model, [[0, 1, 2, 3], [4]])
    model.let_go.release(2)
    assert values(jobs) == [b"%d" % number for number in range(5)]


def test_several_processes_work_at_once(tmp_path: Path) -> None:
    first, second = Model(tmp_path / "1"), Model(tmp_path / "2")
    pool = made(first, second)
    jobs = [ask(pool, number) for number in range(6)]
    wait_for_calls(first, [[0, 1, 2, 3]])
    wait_for_calls(second, [[4, 5]])
    for model in (first, second):
        model.let_go.release()
    assert values(jobs) == [b"%d" % number for number in range(6)]


def test_requests_for_a_process_that_is_gone_go_to_another_in_order(tmp_path: Path) -> None:
    there = Model(tmp_path / "there")
    pool = ModelPool([str(tmp_path / "gone"), there.path], concurrency=1, queue=99)
    pool.set_batches(3, LONG)
    jobs = [ask(pool, number) for number in range(3)]
    there.let_go.release(9)
    assert values(jobs) == [b"0", b"1", b"2"]
    assert there.calls == [[0, 1, 2]]


def test_requests_from_before_the_model_was_there_are_put_together(model: Model) -> None:
    pool = ModelPool([model.path], concurrency=1, queue=99)
    pool.pause()
    jobs = [ask(pool, number) for number in range(3)]
    gevent.sleep(0)
    pool.set_batches(4, LONG)
    pool.mark_unavailable([])
    model.let_go.release()
    assert values(jobs) == [b"0", b"1", b"2"]
    assert model.calls == [[0, 1, 2]]


def test_failures_are_those_of_their_own_requests(model: Model) -> None:
    pool = made(model)
    jobs = [ask(pool, number) for number in (1, 50, 51, 2)]
    model.let_go.release()
    assert values(jobs) == [b"1", None, None, b"2"]
    assert isinstance(jobs[1].exception, InferenceFailed)
    assert isinstance(jobs[2].exception, RequestInvalid)


def test_a_death_is_that_of_all_in_the_call_and_of_no_other(model: Model) -> None:
    pool = made(model, size=2)
    jobs = [ask(pool, number) for number in (1, 99, 2)]
    model.let_go.release(2)
    assert values(jobs) == [None, None, b"2"]
    for job in jobs[:2]:
        assert isinstance(job.exception, ModelDied)
        assert "died while it worked on the request" in str(job.exception)


def test_where_no_call_is_possible_nobody_waits_for_its_reply(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    pool = made(model)
    with monkeypatch.context() as patch:
        patch.setattr(model_connection.socket, "socket", refuse)
        jobs = [ask(pool, number) for number in range(2)]
        gevent.joinall(jobs, timeout=20)
    assert {str(job.exception) for job in jobs} == {
        "the model process cannot be reached: Too many open files"
    }
    job = ask(pool, 3)
    model.let_go.release()
    assert values([job]) == [b"3"]


def test_those_whose_client_has_gone_are_not_run(model: Model) -> None:
    pool = made(model)
    jobs = [ask(pool, 1), ask(pool, 2, Gone()), ask(pool, 3)]
    model.let_go.release()
    assert values(jobs) == [b"1", None, b"3"]
    assert isinstance(jobs[1].exception, ClientGone)
    assert model.calls == [[1, 3]]


def test_the_queue_is_what_waits_beyond_the_calls(model: Model) -> None:
    pool = made(model, size=2, queue=1)
    jobs = [ask(pool, number) for number in range(2)]
    wait_for_calls(model, [[0, 1]])
    jobs.append(ask(pool, 2))
    gevent.sleep(0)
    with pytest.raises(
        InferenceOverloaded,
        match=r"2 inferences are running \(DUBHE_INFERENCE_CONCURRENCY, max_batch_size=2\) "
        r"and 1 are waiting",
    ):
        pool.infer(b'{"n": 3}')
    model.let_go.release(2)
    assert values(jobs) == [b"0", b"1", b"2"]


def test_one_that_waits_too_long_is_refused_and_the_rest_go_on(model: Model) -> None:
    pool = ModelPool([model.path], concurrency=1, queue=99, wait_seconds=0.2)
    pool.set_batches(4, LONG)
    first = ask(pool, 1)
    wait_for_calls(model, [[1]])
    late = ask(pool, 2)
    gevent.joinall([late], timeout=20)
    assert isinstance(late.exception, InferenceOverloaded)
    model.let_go.release(2)
    assert values([first, ask(pool, 3)]) == [b"1", b"3"]
    assert model.calls == [[1], [3]]


def test_the_end_of_one_that_waits_for_its_reply_is_nobody_elses(model: Model) -> None:
    pool = made(model)
    jobs = [ask(pool, number) for number in range(3)]
    wait_for_calls(model, [[0, 1, 2]])
    jobs[0].kill()
    model.let_go.release()
    assert values(jobs[1:]) == [b"1", b"2"]
