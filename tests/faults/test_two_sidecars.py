"""Two sidecars on one spool, as in two containers on one volume: one delivers, the other waits.

Each runs in a PID namespace of its own, where the other's processes do not exist: what decides must
be the kernel's lock on the file, and nothing that a process could look up.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sidecar.status import is_running, read_live
from tests.dubhe_sdk.spool.helpers import KIB, make_writer
from tests.dubhe_sidecar.helpers import SidecarHarness, append_number
from tests.kafka.broker import Broker
from tests.kafka.reader import read_topic
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

COUNT = 3000
# The second process of the namespace must die with the first, as a container's does.
NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL")
STANDING_BY = "another sidecar delivers the spool"


def start(harness: SidecarHarness, **env: str) -> subprocess.Popen[bytes]:
    """Start a sidecar in a PID namespace of its own."""
    return harness.start(env=env, namespace=NAMESPACE)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End the container without warning."""
    process.kill()
    process.wait()


def terminate(process: subprocess.Popen[bytes]) -> None:
    """Ask the sidecar within to end, as an engine does; wait for it."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGTERM)
    assert process.wait(60) == 0


def holder(harness: SidecarHarness) -> int | None:
    """Return the process that holds the spool's lock, as numbered outside; None if nobody does."""
    try:
        inode = (harness.spool / "sidecar.lock").stat().st_ino
    except FileNotFoundError:
        return None
    for line in Path("/proc/locks").read_text().splitlines():
        # 1: FLOCK ADVISORY WRITE pid major:minor:inode start end; "->" marks one that waits
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    return None


def delivers(container: subprocess.Popen[bytes], harness: SidecarHarness) -> bool:
    """Return whether the lock's holder is a process of this container."""
    pid = holder(harness)
    while pid is not None and pid > 1 and pid != container.pid:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except FileNotFoundError:
            return False
    return pid == container.pid


def speak(harness: SidecarHarness, **described: str) -> threading.Thread:
    """Say numbers in a thread, while sidecars come and go."""
    writer = make_writer(harness.spool, SpoolLimits(segment_bytes=16 * KIB), **described)

    def report() -> None:
        for number in range(COUNT):
            append_number(writer, number)
            threading.Event().wait(0.0003)
        writer.close()

    thread = threading.Thread(target=report)
    thread.start()
    return thread


def test_the_second_waits_and_takes_over_when_the_first_is_killed(harness: SidecarHarness) -> None:
    sidecars = [start(harness)]
    wait_for(lambda: read_live(harness.spool), lambda: harness.log_text)
    thread = speak(harness)
    for turn in range(1, 5):
        sidecars.append(start(harness))
        wait_for(lambda n=turn: harness.log_text.count(STANDING_BY) == n, lambda: harness.log_text)
        before = len(harness.values)
        wait_for(
            lambda n=before: len(harness.values) > n or not thread.is_alive(),
            lambda: harness.log_text,
        )
        kill(sidecars[-2])
        # Before the next one comes, which else might be quicker to take the lock.
        wait_for(lambda heir=sidecars[-1]: delivers(heir, harness), lambda: harness.log_text)
    thread.join()
    wait_for(lambda: len(harness.values) >= COUNT, lambda: harness.log_text)
    terminate(sidecars[-1])
    assert harness.values == list(range(COUNT))
    assert [message["offset"] for message in harness.messages] == list(range(COUNT))
    assert str(harness.spool) in harness.log_text
    assert not is_running(harness.spool)


def test_the_same_with_a_broker(harness: SidecarHarness, kafka: Broker, topic: str) -> None:
    env = {"BOOTSTRAP_SERVERS": kafka.bootstrap}
    sidecars = [start(harness, **env)]
    wait_for(lambda: read_live(harness.spool), lambda: harness.log_text)
    thread = speak(harness, topic_status=topic, topic_result=topic)

    def arrived() -> list[int]:
        return [int(m.value or b"-1") for m in read_topic(kafka.bootstrap, topic)]

    for turn in range(1, 4):
        sidecars.append(start(harness, **env))
        wait_for(lambda n=turn: harness.log_text.count(STANDING_BY) == n, lambda: harness.log_text)
        before = len(arrived())
        wait_for(
            lambda n=before: len(arrived()) > n or not thread.is_alive(),
            lambda: harness.log_text,
            60,
        )
        kill(sidecars[-2])
        # Before the next one comes, which else might be quicker to take the lock.
        wait_for(lambda heir=sidecars[-1]: delivers(heir, harness), lambda: harness.log_text)
    thread.join()
    wait_for(lambda: len(arrived()) >= COUNT, lambda: harness.log_text, 60)
    terminate(sidecars[-1])
    assert arrived() == list(range(COUNT))


@pytest.mark.parametrize("how", ["removed", "exchanged"])
def test_a_new_spool_under_the_old_name_has_one_sidecar_too(
    harness: SidecarHarness, how: str
) -> None:
    """The old lock's file has lost its name; whoever holds or awaits it must notice."""
    first = start(harness)
    wait_for(lambda: read_live(harness.spool), lambda: harness.log_text)
    second, third = start(harness), start(harness)
    wait_for(lambda: harness.log_text.count(STANDING_BY) == 2, lambda: harness.log_text)
    if how == "removed":
        shutil.rmtree(harness.spool, ignore_errors=True)  # the sidecar writes there meanwhile
    else:
        harness.spool.rename(harness.folder / "aside")
    thread = speak(harness)
    assert first.wait(60) == 1
    thread.join()
    wait_for(lambda: len(harness.values) >= COUNT, lambda: harness.log_text)
    assert (second.poll(), third.poll()) == (None, None)
    assert [delivers(sidecar, harness) for sidecar in (second, third)].count(True) == 1
    terminate(second)
    terminate(third)
    assert harness.values == list(range(COUNT))


def test_one_that_waits_ends_when_told_to_drain_and_nothing_is_left(
    harness: SidecarHarness,
) -> None:
    first = start(harness)
    wait_for(lambda: read_live(harness.spool), lambda: harness.log_text)
    second = start(harness)
    wait_for(lambda: STANDING_BY in harness.log_text, lambda: harness.log_text)
    thread = speak(harness)
    terminate(second)
    thread.join()
    wait_for(lambda: len(harness.values) == COUNT, lambda: harness.log_text)
    terminate(first)
    assert harness.values == list(range(COUNT))
