"""Two sidecars on one spool: one delivers, the other stands by."""

from __future__ import annotations

import signal

from dubhe_sidecar.status import is_running, read_live
from tests.dubhe_sdk.spool.helpers import make_writer
from tests.dubhe_sidecar.helpers import tell
from tests.dubhe_sidecar.sidecar_helpers import wait_until_delivering
from tests.support.waiting import wait_for


def test_a_second_sidecar_stands_by_and_takes_over(place):
    writer = make_writer(place.spool)
    first = place.start()
    wait_until_delivering(place)
    second = place.start()
    wait_for(lambda: "standing by" in place.log_text, lambda: place.log_text)
    for number in range(100):
        tell(writer, number)
    wait_for(lambda: len(place.values) == 100, lambda: str(place.values))
    assert second.poll() is None
    for number in range(100, 200):
        tell(writer, number)
        if number == 150:
            first.kill()
            first.wait()
    wait_for(lambda: len(place.values) == 200, lambda: str(place.values))
    assert place.values == list(range(200))
    # Told by a thread that also syncs the spool, which a busy disk may delay.
    wait_for(lambda: read_live(place.spool)["pid"] == second.pid, lambda: place.log_text)
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0


def test_two_sidecars_started_at_once_deliver_once(place):
    writer = make_writer(place.spool)
    for number in range(300):
        tell(writer, number)
    processes = [place.start() for _ in range(3)]
    for number in range(300, 600):
        tell(writer, number)
    wait_for(lambda: len(place.values) >= 600, lambda: str(len(place.values)))
    wait_for(lambda: place.log_text.count("standing by") == 2, lambda: place.log_text)
    for process in processes:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(30) for process in processes] == [0, 0, 0]
    assert place.values == list(range(600))


def test_one_that_stands_by_ends_when_told_to_and_nothing_is_left(place):
    place.start()
    wait_until_delivering(place)
    second = place.start()
    wait_for(lambda: "standing by" in place.log_text, lambda: place.log_text)
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0
    assert is_running(place.spool)
