"""Killed sidecars and services: each message once and in order, one END for each task."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections import Counter
from typing import Any

import pytest

from tests.dubhe_sdk.spool.helpers import INSTANCE_ID, Child, child, segments
from tests.dubhe_sidecar.helpers import SidecarHarness, child_process, line
from tests.dubhe_sidecar.sidecar_helpers import actions, identities
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.mark.slow
def test_killed_again_and_again_each_message_arrives_once_and_in_order(harness, tmp_path):
    """Processes of one instance report in turn, so the order of all is known to the journal.

    Other processes are killed as well; what they had reported arrives once, too.
    """
    stop, count = tmp_path / "stop", 3
    pipes = [os.pipe() for _ in range(count)]
    with contextlib.ExitStack() as stack:
        ring = [
            stack.enter_context(
                child(
                    "ring",
                    *(harness.spool, 3, stop),
                    stdin=pipes[index][0],
                    stdout=pipes[(index + 1) % count][1],
                )
            )
            for index in range(count)
        ]
        os.write(pipes[0][1], b"0\n")
        for fd in (fd for pair in pipes for fd in pair):
            os.close(fd)
        victims: list[Child] = []
        delivered = 0
        for attempt in range(14):
            if attempt % 3 == 0:
                victims.append(stack.enter_context(child("chatter", harness.spool)))
            sidecar = harness.start()
            # The first lives until it delivers, the others die at any moment of their lives.
            if attempt % 5 == 0:
                wait_for(lambda d=delivered: _size(harness) > d, lambda: harness.log_text)
            time.sleep(random.uniform(0.0, 0.25))
            delivered = _size(harness)
            sidecar.kill()
            sidecar.wait()
            if attempt % 3 == 2:
                victims[-1].kill()
        stop.touch()
        assert [process.wait() for process in ring] == [0] * count
        told = {}
        for victim in victims:
            victim.kill()
            lines = victim.rest()
            if lines:
                told[lines[0]] = int(lines[-1]) if len(lines) > 1 else 0
    harness.drain()
    messages = harness.messages
    assert max(Counter(identities(harness)).values()) == 1
    said: dict[str, list[Any]] = {}
    for message in messages:
        said.setdefault(message["headers"]["dubhe-writer"], []).append(message)
    for stream, of_one in said.items():
        seqs = [int(message["headers"]["dubhe-seq"]) for message in of_one]
        assert seqs == list(range(1, len(seqs) + 1)), stream
    in_ring = [m["value"] for m in messages if m["headers"]["dubhe-writer"] not in told]
    assert in_ring == list(range(int(stop.read_text())))
    assert len(in_ring) > 1000
    for stream, number in told.items():
        assert len(said.get(stream, [])) - number in (0, 1), "accepted, but not delivered"
    assert [message["offset"] for message in messages] == list(range(len(messages)))
    assert segments(harness.spool) == []


def _size(harness: SidecarHarness) -> int:
    return sum(path.stat().st_size for path in harness.journal.glob("*.jsonl"))


def test_end_is_added_once_when_a_service_was_killed(harness):
    harness.start()
    with child_process("service", harness.spool, "s1") as service:
        stream = line(service)
        wait_for(lambda: actions(harness, stream) == ["START"], lambda: str(harness.values))
        service.kill()
        service.wait()
        wait_for(lambda: len(actions(harness, stream)) == 2, lambda: str(harness.values))
    assert actions(harness, stream) == ["START", "END 300"]
    value = harness.messages[-1]["value"]
    assert set(value) == {"instance_id", "request_number", "date", "mes_type", "data"}
    assert value["instance_id"] == INSTANCE_ID
    harness.stop()
    assert actions(harness, stream) == ["START", "END 300"]


def test_end_is_added_only_after_all_processes_of_the_service(harness):
    harness.start()
    with (
        child_process("service", harness.spool, "s1") as service,
        child_process("rank", harness.spool, "s1") as rank,
        child_process("service", harness.spool, "s2", "end") as other,
    ):
        streams = [line(process) for process in (service, rank, other)]
        service.kill()
        service.wait()
        for _ in range(3):
            assert rank.stdin is not None
            rank.stdin.write(b"\n")
            rank.stdin.flush()
            assert line(rank) == "said"
        wait_for(lambda: len(actions(harness, streams[1])) == 4, lambda: str(harness.values))
        assert actions(harness, streams[0]) == ["START"]
        rank.kill()
        rank.wait()
        wait_for(lambda: "END 300" in actions(harness, streams[0]), lambda: str(harness.values))
        assert harness.messages[-1]["headers"]["dubhe-writer"] == streams[0]
        assert actions(harness, streams[2]) == ["START", "END 200"]


def test_end_is_added_once_though_the_sidecar_is_killed_around_that_moment(harness):
    streams = []
    ended_well = []
    for number in range(8):
        with child_process(
            "service", harness.spool, f"s{number}", *(["end"] * (number % 2))
        ) as service:
            (ended_well if number % 2 else streams).append(line(service))
        sidecar = harness.start()
        time.sleep(random.uniform(0.08, 0.35))  # its start, and the moment of the END
        sidecar.kill()
        sidecar.wait()
    harness.drain()
    assert [actions(harness, stream) for stream in streams] == [["START", "END 300"]] * 4
    assert [actions(harness, stream) for stream in ended_well] == [["START", "END 200"]] * 4
    assert max(Counter(identities(harness)).values()) == 1
