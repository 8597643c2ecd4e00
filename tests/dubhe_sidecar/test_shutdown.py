"""Signals and the end of the container parent: the rest is delivered, within a time limit."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from dubhe_sidecar.sidecar import EXIT_LEFT_BEHIND
from tests.dubhe_sdk.spool.helpers import make_writer, segments
from tests.dubhe_sidecar.helpers import append_number
from tests.dubhe_sidecar.sidecar_helpers import wait_until_delivering
from tests.support.ports import reserved_port


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_the_rest_to_be_delivered(harness, signum):
    writer = make_writer(harness.spool)
    sidecar = harness.start()
    wait_until_delivering(harness)
    for number in range(3000):
        append_number(writer, number)
    sidecar.send_signal(signum)
    assert sidecar.wait(30) == 0
    assert harness.values == list(range(3000))


def test_a_second_signal_ends_it_at_once(harness):
    """There is a broker it waits for without success."""
    writer = make_writer(harness.spool)
    append_number(writer, 1)
    with reserved_port() as port:
        sidecar = harness.start(env={"BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"})
        wait_until_delivering(harness)
        sidecar.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            sidecar.wait(0.3)
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(10) == EXIT_LEFT_BEHIND
    assert len(segments(harness.spool)) == 1


def test_the_end_of_the_lifeline_asks_for_the_rest_to_be_delivered(harness):
    reading, writing = os.pipe()
    writer = make_writer(harness.spool)
    sidecar = harness.start("--lifeline-fd", str(reading), pass_fds=[reading])
    os.close(reading)
    wait_until_delivering(harness)
    for number in range(1000):
        append_number(writer, number)
    assert sidecar.poll() is None
    os.close(writing)
    assert sidecar.wait(30) == 0
    assert harness.values == list(range(1000))


def test_an_orphan_gives_up_in_time(harness):
    reading, writing = os.pipe()
    writer = make_writer(harness.spool)
    append_number(writer, 1)
    with reserved_port() as port:
        sidecar = harness.start(
            *("--lifeline-fd", str(reading)),
            env={"BOOTSTRAP_SERVERS": f"127.0.0.1:{port}", "DUBHE_DRAIN_TIMEOUT_SECONDS": "0.3"},
            pass_fds=[reading],
        )
        os.close(reading)
        wait_until_delivering(harness)
        os.close(writing)
        assert sidecar.wait(20) == EXIT_LEFT_BEHIND
