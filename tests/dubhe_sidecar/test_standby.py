"""Two sidecars on one spool: one delivers, the other stands by."""

from __future__ import annotations

import os
import signal

from dubhe_sidecar.status import is_running, read_live
from tests.dubhe_sdk.spool.helpers import make_writer
from tests.dubhe_sidecar.helpers import append_number
from tests.dubhe_sidecar.sidecar_helpers import wait_until_delivering
from tests.support.waiting import wait_for


def test_a_second_sidecar_stands_by_and_takes_over(harness):
    writer = make_writer(harness.spool)
    first = harness.start()
    wait_until_delivering(harness)
    second = harness.start()
    wait_for(lambda: "standing by" in harness.log_text, lambda: harness.log_text)
    for number in range(100):
        append_number(writer, number)
    wait_for(lambda: len(harness.values) == 100, lambda: str(harness.values))
    assert second.poll() is None
    for number in range(100, 200):
        append_number(writer, number)
        if number == 150:
            first.kill()
            first.wait()
    wait_for(lambda: len(harness.values) == 200, lambda: str(harness.values))
    assert harness.values == list(range(200))
    # Told by a thread that also syncs the spool, which a busy disk may delay.
    wait_for(lambda: read_live(harness.spool)["pid"] == second.pid, lambda: harness.log_text)
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0


def test_two_sidecars_started_at_once_deliver_once(harness):
    writer = make_writer(harness.spool)
    for number in range(300):
        append_number(writer, number)
    processes = [harness.start() for _ in range(3)]
    for number in range(300, 600):
        append_number(writer, number)
    wait_for(lambda: len(harness.values) >= 600, lambda: str(len(harness.values)))
    wait_for(lambda: harness.log_text.count("standing by") == 2, lambda: harness.log_text)
    for process in processes:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(30) for process in processes] == [0, 0, 0]
    assert harness.values == list(range(600))


def test_one_that_stands_by_ends_when_told_to_and_nothing_is_left(harness):
    harness.start()
    wait_until_delivering(harness)
    second = harness.start()
    wait_for(lambda: "standing by" in harness.log_text, lambda: harness.log_text)
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0
    assert is_running(harness.spool)


def test_one_that_stands_by_ends_with_its_container(harness):
    harness.start()
    wait_until_delivering(harness)
    reading, writing = os.pipe()
    second = harness.start("--lifeline-fd", str(reading), pass_fds=[reading])
    os.close(reading)
    wait_for(lambda: "standing by" in harness.log_text, lambda: harness.log_text)
    os.close(writing)
    assert second.wait(30) == 0
    assert is_running(harness.spool)
