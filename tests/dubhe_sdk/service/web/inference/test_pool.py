"""Bounds, order and broken connections of the model's pool."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import gevent
import pytest

from dubhe_sdk.errors import RequestInvalid
from dubhe_sdk.service.web.inference import pool as pool_module
from dubhe_sdk.service.web.inference import service_time
from dubhe_sdk.service.web.inference.errors import (
    ClientGone,
    InferenceFailed,
    InferenceOverloaded,
    ModelDied,
    ModelUnavailable,
)
from dubhe_sdk.service.web.inference.pool import ModelPool
from tests.dubhe_sdk.service.web.support import Model
from tests.support.waiting import wait_for


class Gate:
    """A model that records the requests and answers when it is opened."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.seen: list[int] = []
        self.open = threading.Event()
        self.model = Model(folder / "model.sock", self._answer)
        self.path = str(folder / "model.sock")

    def _answer(self, request: dict[str, Any]) -> bytes:
        self.seen.append(request["n"])
        assert self.open.wait(10)
        return b"+%d" % request["n"]


def wait_for_greenlets(condition: Callable[[], bool]) -> None:
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.01)


def infer(pool: ModelPool, number: int) -> bytes:
    return pool.infer(json.dumps({"n": number}).encode())


def test_waiting_inferences_run_in_the_order_they_came(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    pool = ModelPool([gate.path], concurrency=1, queue=20)
    jobs = [gevent.spawn(infer, pool, number) for number in range(20)]
    gevent.sleep(0)
    gate.open.set()
    gevent.joinall(jobs, timeout=10)
    assert [job.value for job in jobs] == [b"%d" % number for number in range(20)]
    assert gate.seen == list(range(20))
    assert gate.model.most_running == 1


def test_inferences_wait_for_a_model_that_is_being_constructed(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.open.set()
    pool = ModelPool([gate.path], concurrency=1, queue=2)
    pool.pause()
    jobs = [gevent.spawn(infer, pool, number) for number in range(3)]
    gevent.sleep(0.05)
    assert [job.ready() for job in jobs] == [False, False, True]
    assert isinstance(jobs[2].exception, InferenceOverloaded)
    assert gate.seen == []
    pool.mark_unavailable(())
    gevent.joinall(jobs, timeout=10)
    assert [job.value for job in jobs[:2]] == [b"0", b"1"]


def test_those_that_wait_for_a_model_that_never_comes_are_refused(tmp_path: Path) -> None:
    pool = ModelPool([str(tmp_path / "m")], concurrency=1, queue=2)
    pool.pause()
    job = gevent.spawn(infer, pool, 1)
    gevent.sleep(0)
    pool.refuse_waiting(RequestInvalid("model failed: no weights"))
    gevent.joinall([job], timeout=10)
    assert str(job.exception) == "model failed: no weights"


def test_an_idle_time_is_not_what_requests_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(tmp_path)
    gate.open.set()
    pool = ModelPool([gate.path], concurrency=1, queue=1, wait_seconds=0.2)
    assert infer(pool, 0) == b"0"
    monkeypatch.setattr(service_time, "monotonic", lambda: monotonic() + 3600)
    pool.pause()  # the model has died, and is constructed again
    jobs = [gevent.spawn(infer, pool, number) for number in (1, 2)]
    gevent.joinall(jobs, timeout=10)
    for job in jobs:  # one has waited too long, the other one found the queue full
        assert str(job.exception).endswith("; send it again later")


def test_one_that_waits_too_long_is_refused_and_the_rest_go_on(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    pool = ModelPool([gate.path], concurrency=1, queue=9, wait_seconds=0.2)
    first = gevent.spawn(infer, pool, 0)
    wait_for_greenlets(lambda: gate.seen == [0])
    pool.pause()  # as if it took no more
    late = gevent.spawn(infer, pool, 1)
    gevent.joinall([late], timeout=10)
    assert isinstance(late.exception, InferenceOverloaded)
    assert "not begun within 0.2 s (DUBHE_INFERENCE_QUEUE_TIMEOUT_SECONDS)" in str(late.exception)
    pool.mark_unavailable(())
    gate.open.set()
    gevent.joinall([first], timeout=10)
    assert first.value == b"0"
    assert infer(pool, 2) == b"2"


def test_one_too_many_is_refused_and_the_rest_go_on(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    pool = ModelPool([gate.path], concurrency=2, queue=1)
    jobs = [gevent.spawn(infer, pool, number) for number in range(3)]
    gevent.sleep(0)
    with pytest.raises(InferenceOverloaded, match=r"2 inferences are running .* 1 are waiting"):
        infer(pool, 3)
    gate.open.set()
    gevent.joinall(jobs, timeout=10)
    assert infer(pool, 4) == b"4"
    assert sorted(gate.seen) == [0, 1, 2, 4]


def test_a_refusal_says_how_long_those_before_it_take(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.open.set()
    pool = ModelPool([gate.path], concurrency=1, queue=1)
    assert infer(pool, 0) == b"0"
    gate.open.clear()
    jobs = [gevent.spawn(infer, pool, number) for number in (1, 2)]
    gevent.sleep(0)
    with pytest.raises(InferenceOverloaded, match=r"these take about 1 s: send it again after"):
        infer(pool, 3)
    gate.open.set()
    gevent.joinall(jobs, timeout=10)


def test_what_was_sent_ahead_to_a_process_that_dies_goes_to_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a machine that is busy a quick answer may take longer than a millisecond.
    monkeypatch.setattr(pool_module, "_QUICK_SECONDS_OF_SEVERAL", 60.0)
    gates = [Gate(tmp_path / name) for name in "ab"]
    pool = ModelPool([gate.path for gate in gates], concurrency=1, queue=20)
    for gate in gates:
        gate.open.set()
    warm = [gevent.spawn(infer, pool, number) for number in (100, 101)]
    gevent.joinall(warm, timeout=10)
    for gate in gates:
        gate.open.clear()
    jobs = [gevent.spawn(infer, pool, number) for number in range(16)]
    wait_for_greenlets(lambda: all(len(gate.seen) == 2 for gate in gates))
    waiting = pool.describe()["waits"]["counts"]
    assert sum(waiting) == 0  # four were sent ahead to each, and nobody waited for that
    assert pool.describe()["begun_at_once"] == 2 + 2 + 2 * 4
    assert pool.describe()["waiting"] == 14
    gates[0].model.die()
    gates[0].open.set()
    gates[1].open.set()
    gevent.joinall(jobs, timeout=10)
    failed = [number for number, job in enumerate(jobs) if not job.successful()]
    begun = gates[0].seen[1]
    assert failed in ([begun], [])  # one that has begun is not tried again
    assert [jobs[n].value for n in range(16) if n not in failed] == [
        b"%d" % n for n in range(16) if n not in failed
    ]
    assert sorted(gates[1].seen[1:] + failed) == list(range(16))


def test_one_that_gives_up_waiting_leaves_its_place(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    pool = ModelPool([gate.path], concurrency=1, queue=1)
    first, second = gevent.spawn(infer, pool, 0), gevent.spawn(infer, pool, 1)
    gevent.sleep(0)
    second.kill()
    third = gevent.spawn(infer, pool, 2)
    gate.open.set()
    gevent.joinall([first, third], timeout=10)
    assert (first.value, third.value) == (b"0", b"2")
    assert gate.seen == [0, 2]


def test_one_that_gives_up_running_frees_its_turn(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    pool = ModelPool([gate.path], concurrency=1, queue=0)
    first = gevent.spawn(infer, pool, 0)
    gevent.sleep(0)
    first.kill()
    gate.open.set()
    assert infer(pool, 1) == b"1"  # and not the reply to the first


class Visitor:
    """A client that goes when it is told to."""

    gone = False

    def has_gone(self) -> bool:
        return self.gone

    def others_have_come(self) -> bool:
        return True


def test_one_whose_client_has_gone_is_dropped_at_its_turn_and_where_its_place_is_needed(
    tmp_path: Path,
) -> None:
    gate = Gate(tmp_path)
    pool = ModelPool([gate.path], concurrency=1, queue=3)
    visitors = [Visitor() for _ in range(4)]
    jobs = [
        gevent.spawn(pool.infer, json.dumps({"n": number}).encode(), visitor)
        for number, visitor in enumerate(visitors)
    ]
    gevent.sleep(0)
    visitors[0].gone = visitors[1].gone = True
    late = gevent.spawn(infer, pool, 4)  # takes the place of the second
    jobs[1].join(timeout=10)
    assert isinstance(jobs[1].exception, ClientGone)
    visitors[2].gone = True
    gate.open.set()
    gevent.joinall([*jobs, late], timeout=10)
    assert isinstance(jobs[2].exception, ClientGone)
    assert (jobs[0].value, jobs[3].value, late.value) == (b"0", b"3", b"4")
    assert gate.seen == [0, 3, 4]
    assert infer(pool, 5) == b"5"


def test_a_failure_keeps_the_connection(tmp_path: Path) -> None:
    model = Model(tmp_path / "m", lambda request: b'-{"type": "OSError", "text": "no"}')
    pool = ModelPool([str(tmp_path / "m")], 1, 0)
    for _ in range(2):
        with pytest.raises(InferenceFailed) as failed:
            infer(pool, 0)
        assert (failed.value.type_name, failed.value.text) == ("OSError", "no")
    assert len(model._connections) == 1


@pytest.mark.parametrize("payload", [b"", b"?", b"-", b"-[]", b"-{}"])
def test_nonsense_is_the_models_death(tmp_path: Path, payload: bytes) -> None:
    Model(tmp_path / "m", lambda request: payload)
    with pytest.raises(ModelDied):
        infer(ModelPool([str(tmp_path / "m")], 1, 0), 0)


def test_large_requests_and_results(tmp_path: Path) -> None:
    Model(tmp_path / "m", lambda request: b"+" + json.dumps(request["x"]).encode())
    pool = ModelPool([str(tmp_path / "m")], 1, 0)
    text = "x" * 5_000_000
    assert json.loads(pool.infer(json.dumps({"x": text}).encode())) == text


def test_nobody_listens(tmp_path: Path) -> None:
    pool = ModelPool([str(tmp_path / "m")], 1, 0)
    for _ in range(2):  # the turn is given back
        with pytest.raises(ModelDied, match="cannot be reached"):
            infer(pool, 0)


def test_the_one_with_room_is_chosen(tmp_path: Path) -> None:
    gates = [Gate(tmp_path / name) for name in "ab"]
    pool = ModelPool([gate.path for gate in gates], concurrency=2, queue=1)
    jobs = [gevent.spawn(infer, pool, number) for number in range(5)]
    gevent.sleep(0)
    with pytest.raises(InferenceOverloaded, match=r"4 inferences are running .* 1 are waiting"):
        infer(pool, 5)
    gates[1].open.set()
    gevent.joinall([jobs[1], jobs[3], jobs[4]], timeout=10)
    wait_for(lambda: len(gates[0].seen) == 2, "the model's threads")
    assert sorted(gates[0].seen) == [0, 2] and sorted(gates[1].seen) == [1, 3, 4]
    gates[0].open.set()
    gevent.joinall(jobs, timeout=10)
    assert [job.value for job in jobs] == [b"%d" % number for number in range(5)]


def test_what_nobody_took_goes_to_another_process(tmp_path: Path) -> None:
    gates = [Gate(tmp_path / name) for name in "ab"]
    for gate in gates:
        gate.open.set()
    pool = ModelPool([gate.path for gate in gates], concurrency=1, queue=0)
    assert infer(pool, 0) == b"0"  # a connection to the first is kept
    gates[0].model.die()
    for number in (1, 2):
        assert infer(pool, number) == b"%d" % number
    gates[0].model.listen()
    assert infer(pool, 3) == b"3"
    assert gates[1].seen == [1, 2, 3]  # the first is not looked for until it is said to be there
    pool.mark_unavailable([1])
    assert infer(pool, 4) == b"4"
    assert gates[0].seen == [0, 4]
    for gate in gates:
        gate.model.die()
    with pytest.raises(ModelDied, match="cannot be reached"):
        infer(pool, 5)


def test_a_process_that_ends_without_reading_did_not_take_the_request(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "b")
    gate.open.set()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "a"))
    listener.listen()
    pool = ModelPool([str(tmp_path / "a"), gate.path], concurrency=1, queue=0)
    job = gevent.spawn(infer, pool, 1)
    gevent.sleep(0)  # sent, and never accepted
    listener.close()
    assert job.get(timeout=10) == b"1"
    assert gate.seen == [1]


def test_those_that_wait_go_to_a_process_that_comes_back(tmp_path: Path) -> None:
    gates = [Gate(tmp_path / name) for name in "ab"]
    pool = ModelPool([gate.path for gate in gates], concurrency=1, queue=2)
    pool.mark_unavailable([1])
    jobs = [gevent.spawn(infer, pool, number) for number in range(3)]
    gevent.sleep(0)
    gates[1].open.set()
    pool.mark_unavailable([])
    gevent.joinall(jobs[1:], timeout=10)
    assert gates[1].seen == [1, 2]
    gates[0].open.set()
    assert jobs[0].get(timeout=10) == b"0"


def test_when_none_is_there_those_that_wait_get_an_error(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "a")
    pool = ModelPool([gate.path, str(tmp_path / "nobody")], concurrency=1, queue=4)
    pool.mark_unavailable([1])
    jobs = [gevent.spawn(infer, pool, number) for number in range(3)]
    gevent.sleep(0)
    gate.model.wait_running(1)
    gate.model.die()
    gevent.joinall(jobs, timeout=10)
    assert [type(job.exception) for job in jobs] == [ModelDied, ModelUnavailable, ModelUnavailable]
    gate.open.set()
