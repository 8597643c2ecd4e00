"""The wake-up socket: nobody depends on it, nobody waits for it."""

from __future__ import annotations

import os
import select
import shutil

import pytest

from dubhe_sdk.spool.wake import NAME, WakeReceiver, WakeSender
from tests.dubhe_sdk.spool.helpers import append, child, make_writer


def is_woken(receiver: WakeReceiver, timeout: float = 0.0) -> bool:
    return bool(select.select([receiver], [], [], timeout)[0])


@pytest.fixture(params=["short", "long"])
def directory(request, tmp_path):
    """A spool; the long one's socket does not fit the 108 bytes of a socket's path."""
    folder = tmp_path / "spool"
    if request.param == "long":
        folder = tmp_path / ("a" * 100) / ("b" * 100) / "spool"
        assert len(str(folder / NAME)) > 108
    folder.mkdir(parents=True)
    return folder


def test_a_nudge_wakes(directory):
    receiver, sender = WakeReceiver(directory), WakeSender(directory)
    assert not is_woken(receiver)
    sender.nudge()
    assert is_woken(receiver, 5)
    receiver.clear()
    assert not is_woken(receiver)
    receiver.clear()
    sender.close()
    receiver.close()


def test_a_message_wakes(directory):
    receiver = WakeReceiver(directory)
    writer = make_writer(directory)
    append(writer, 1)
    assert is_woken(receiver, 5)
    receiver.close()


def test_a_message_of_another_process_wakes(directory):
    receiver = WakeReceiver(directory)
    with child("hold", directory, 1) as other:
        other.line()
        assert is_woken(receiver, 5)
    receiver.close()


def test_a_forked_child_wakes_too(directory):
    receiver, sender = WakeReceiver(directory), WakeSender(directory)
    pid = os.fork()
    if pid == 0:
        sender.nudge()
        os._exit(0)
    os.waitpid(pid, 0)
    assert is_woken(receiver)
    sender.close()
    receiver.close()


def test_a_nudge_without_a_receiver_is_no_trouble(directory):
    sender = WakeSender(directory)
    sender.nudge()
    receiver = WakeReceiver(directory)
    receiver.close()
    sender.nudge()  # the file is there, nobody listens
    shutil.rmtree(directory)
    sender.nudge()
    sender.close()


def test_a_full_socket_does_not_hold_the_writer_up(directory):
    receiver, sender = WakeReceiver(directory), WakeSender(directory)
    for _ in range(10_000):  # more than a socket holds; nobody reads
        sender.nudge()
    assert is_woken(receiver)
    receiver.clear()
    assert not is_woken(receiver)
    sender.nudge()
    assert is_woken(receiver, 5)
    receiver.close()


def test_the_next_receiver_takes_the_place_of_one_that_was_killed(directory):
    sender = WakeSender(directory)
    first = WakeReceiver(directory)
    second = WakeReceiver(directory)
    sender.nudge()
    assert is_woken(second, 5)
    assert not is_woken(first)
    first.close()
    second.close()


def test_writers_of_other_users_may_wake(directory):
    receiver = WakeReceiver(directory)
    assert (directory / NAME).stat().st_mode & 0o777 == 0o666
    receiver.close()


def test_closing_gives_all_descriptors_back(directory):
    before = set(os.listdir("/proc/self/fd"))
    receiver, sender = WakeReceiver(directory), WakeSender(directory)
    sender.close()
    receiver.close()
    assert set(os.listdir("/proc/self/fd")) == before
