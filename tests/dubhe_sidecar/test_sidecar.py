"""Real sidecars and writers, real signals: each message once and in order, whoever is killed."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import statistics
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.limits import SpoolLimits
from dubhe_sidecar.sidecar import EXIT_LEFT_BEHIND
from dubhe_sidecar.status import is_running, read_live
from tests.dubhe_sdk.spool.helpers import INSTANCE_ID, KIB, Child, child, make_writer, segments
from tests.dubhe_sidecar.helpers import Place, line, speaking, tell
from tests.support.journal import says
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for


def identities(place: Place) -> list[tuple[str, int]]:
    return [
        (message["headers"]["dubhe-writer"], int(message["headers"]["dubhe-seq"]))
        for message in place.messages
    ]


def wait_until_delivering(place: Place) -> None:
    wait_for(lambda: read_live(place.spool), lambda: f"a sidecar: {place.log_text}")


def actions(place: Place, stream: str) -> list[str]:
    """Return what a stream said, in words."""
    return [says(m) for m in place.messages if m["headers"]["dubhe-writer"] == stream]


# --- delivery -----------------------------------------------------------------------------------


def test_delivers_what_is_said_while_it_runs_and_before(place):
    writer = make_writer(place.spool)
    tell(writer, 0)
    place.start()
    for number in range(1, 50):
        tell(writer, number)
    wait_for(lambda: place.values == list(range(50)), lambda: str(place.values))
    message = place.messages[7]
    assert message["offset"] == 7
    assert message["topic"] == "status"
    assert message["key"] == INSTANCE_ID
    assert message["headers"] == {"dubhe-writer": writer.stream, "dubhe-seq": "8"}


def test_drain_delivers_what_there_is_and_ends(place):
    writer = make_writer(place.spool, SpoolLimits(segment_bytes=KIB))
    for number in range(500):
        tell(writer, number)
    writer.close()
    place.drain()
    assert place.values == list(range(500))
    assert segments(place.spool) == []
    place.drain()
    assert len(place.values) == 500


def test_a_message_is_in_the_journal_in_a_moment(place):
    """Half of them within 30 ms, however long nothing was said before."""
    writer = make_writer(place.spool)
    place.start()
    tell(writer, 0)
    wait_for(lambda: place.values, lambda: place.log_text)
    (path,) = place.journal.glob("*.jsonl")
    size = path.stat().st_size
    delays = []
    for number in range(60):
        time.sleep(random.choice([0, 0.001, 0.004, 0.02, 0.08]))  # the algorithm computes
        begin = time.perf_counter()
        tell(writer, number)
        deadline = begin + 20
        while path.stat().st_size == size:
            assert time.perf_counter() < deadline
            time.sleep(0.0003)
        delays.append(time.perf_counter() - begin)
        size = path.stat().st_size
    assert statistics.median(delays) < 0.03, delays


def test_a_spool_with_a_very_long_path(tmp_path):
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    deep.mkdir(parents=True)
    place = Place(deep)
    try:
        writer = make_writer(place.spool)
        place.start()
        tell(writer, 1)
        wait_for(lambda: place.values == [1], lambda: place.log_text)
    finally:
        place.close()


# --- kill -9 of the sidecar ---------------------------------------------------------------------


@pytest.mark.slow
def test_killed_again_and_again_each_message_arrives_once_and_in_order(place, tmp_path):
    """Processes of one instance speak in turn, so the order of all is known to the journal.

    Other processes are killed as well; what they had said arrives once, too.
    """
    stop, count = tmp_path / "stop", 3
    pipes = [os.pipe() for _ in range(count)]
    with contextlib.ExitStack() as stack:
        ring = [
            stack.enter_context(
                child(
                    "ring",
                    *(place.spool, 3, stop),
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
                victims.append(stack.enter_context(child("chatter", place.spool)))
            sidecar = place.start()
            # The first lives until it delivers, the others die at any moment of their lives.
            if attempt % 5 == 0:
                wait_for(lambda d=delivered: _size(place) > d, lambda: place.log_text)
            time.sleep(random.uniform(0.0, 0.25))
            delivered = _size(place)
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
    place.drain()
    messages = place.messages
    assert max(Counter(identities(place)).values()) == 1
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
    assert segments(place.spool) == []


def _size(place: Place) -> int:
    return sum(path.stat().st_size for path in place.journal.glob("*.jsonl"))


# --- the END of a killed service ----------------------------------------------------------------


def test_end_is_added_once_when_a_service_was_killed(place):
    place.start()
    with speaking("service", place.spool, "s1") as service:
        stream = line(service)
        wait_for(lambda: actions(place, stream) == ["START"], lambda: str(place.values))
        service.kill()
        service.wait()
        wait_for(lambda: len(actions(place, stream)) == 2, lambda: str(place.values))
    assert actions(place, stream) == ["START", "END 300"]
    value = place.messages[-1]["value"]
    assert set(value) == {"instance_id", "request_number", "date", "mes_type", "data"}
    assert value["instance_id"] == INSTANCE_ID
    place.stop()
    assert actions(place, stream) == ["START", "END 300"]


def test_end_is_added_only_after_all_processes_of_the_service(place):
    place.start()
    with (
        speaking("service", place.spool, "s1") as service,
        speaking("rank", place.spool, "s1") as rank,
        speaking("service", place.spool, "s2", "end") as other,
    ):
        streams = [line(process) for process in (service, rank, other)]
        service.kill()
        service.wait()
        for _ in range(3):
            assert rank.stdin is not None
            rank.stdin.write(b"\n")
            rank.stdin.flush()
            assert line(rank) == "said"
        wait_for(lambda: len(actions(place, streams[1])) == 4, lambda: str(place.values))
        assert actions(place, streams[0]) == ["START"]
        rank.kill()
        rank.wait()
        wait_for(lambda: "END 300" in actions(place, streams[0]), lambda: str(place.values))
        assert place.messages[-1]["headers"]["dubhe-writer"] == streams[0]
        assert actions(place, streams[2]) == ["START", "END 200"]


def test_end_is_added_once_though_the_sidecar_is_killed_around_that_moment(place):
    streams = []
    ended_well = []
    for number in range(8):
        with speaking("service", place.spool, f"s{number}", *(["end"] * (number % 2))) as service:
            (ended_well if number % 2 else streams).append(line(service))
        sidecar = place.start()
        time.sleep(random.uniform(0.08, 0.35))  # its start, and the moment of the END
        sidecar.kill()
        sidecar.wait()
    place.drain()
    assert [actions(place, stream) for stream in streams] == [["START", "END 300"]] * 4
    assert [actions(place, stream) for stream in ended_well] == [["START", "END 200"]] * 4
    assert max(Counter(identities(place)).values()) == 1


# --- two sidecars -------------------------------------------------------------------------------


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


# --- its end ------------------------------------------------------------------------------------


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_the_rest_to_be_delivered(place, signum):
    writer = make_writer(place.spool)
    sidecar = place.start()
    wait_until_delivering(place)
    for number in range(3000):
        tell(writer, number)
    sidecar.send_signal(signum)
    assert sidecar.wait(30) == 0
    assert place.values == list(range(3000))


def test_a_second_signal_ends_it_at_once(place):
    """There is a broker it waits for in vain."""
    writer = make_writer(place.spool)
    tell(writer, 1)
    with reserved_port() as port:
        sidecar = place.start(env={"BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"})
        wait_until_delivering(place)
        sidecar.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            sidecar.wait(0.3)
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(10) == EXIT_LEFT_BEHIND
    assert len(segments(place.spool)) == 1


def test_the_end_of_the_lifeline_asks_for_the_rest_to_be_delivered(place):
    reading, writing = os.pipe()
    writer = make_writer(place.spool)
    sidecar = place.start("--lifeline-fd", str(reading), pass_fds=[reading])
    os.close(reading)
    wait_until_delivering(place)
    for number in range(1000):
        tell(writer, number)
    assert sidecar.poll() is None
    os.close(writing)
    assert sidecar.wait(30) == 0
    assert place.values == list(range(1000))


def test_an_orphan_gives_up_in_time(place):
    reading, writing = os.pipe()
    writer = make_writer(place.spool)
    tell(writer, 1)
    with reserved_port() as port:
        sidecar = place.start(
            *("--lifeline-fd", str(reading)),
            env={"BOOTSTRAP_SERVERS": f"127.0.0.1:{port}", "DUBHE_DRAIN_TIMEOUT_SECONDS": "0.3"},
            pass_fds=[reading],
        )
        os.close(reading)
        wait_until_delivering(place)
        os.close(writing)
        assert sidecar.wait(20) == EXIT_LEFT_BEHIND


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_spool_that_cannot_be_used(place):
    shutil.rmtree(place.spool)
    place.spool.write_text("a file in its place")
    done = place.dubhe("sidecar")
    assert done.returncode == 2
    assert str(place.spool) in done.stderr


@pytest.mark.parametrize(
    "env", [{"BOOTSTRAP_SERVERS": "nonsense"}, {"DUBHE_DRAIN_TIMEOUT_SECONDS": "soon"}]
)
def test_a_malformed_environment(place, env):
    done = place.dubhe("sidecar", **env)
    assert done.returncode == 2
    assert next(iter(env)) in done.stderr


def test_a_cursor_that_cannot_be_read_delivers_nothing(place):
    (place.spool / "cursor.json").write_text("{")
    writer = make_writer(place.spool)
    tell(writer, 1)
    done = place.dubhe("sidecar", "--drain")
    assert done.returncode == 1
    assert "cursor.json" in done.stderr
    assert "Traceback" not in done.stderr
    assert place.values == []


def test_a_journal_that_cannot_be_written(place):
    place.journal.write_text("a file in its place")
    done = place.dubhe("sidecar", "--drain")
    assert done.returncode == 1
    assert str(place.journal) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_spool_that_is_removed_while_it_runs(place):
    """It ends and says why; the next one delivers what was said since."""
    writer = make_writer(place.spool)
    sidecar = place.start()
    tell(writer, 1)
    wait_for(lambda: place.values == [1], lambda: place.log_text)
    shutil.rmtree(place.spool, ignore_errors=True)  # the sidecar writes there meanwhile
    assert sidecar.wait(30) == 1
    tell(writer, 2)
    place.drain()
    assert place.values == [1, 2]


def test_results_and_progress_keep_their_order_under_a_full_spool(place):
    """The sidecar makes room while writers wait for it."""
    writer = make_writer(
        place.spool, SpoolLimits(32 * KIB, 16 * KIB, 4 * KIB, full_timeout_seconds=30), print
    )
    place.start()
    for number in range(4000):
        tell(writer, number, Kind.RESULT)
    wait_for(lambda: len(place.values) == 4000, lambda: str(len(place.values)))
    assert place.values == list(range(4000))


def test_leaves_no_descriptors_of_finished_streams_open(place):
    sidecar = place.start()
    wait_until_delivering(place)
    for number in range(20):
        writer = make_writer(place.spool)
        tell(writer, number)
        writer.close()
    wait_for(lambda: len(place.values) == 20 and not segments(place.spool), "delivery")
    folder = Path("/proc", str(sidecar.pid), "fd")
    targets = [os.readlink(folder / fd) for fd in os.listdir(folder)]  # noqa: PTH115
    assert not [target for target in targets if ".seg" in target]
