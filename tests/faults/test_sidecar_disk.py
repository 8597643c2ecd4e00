"""The sidecar's own writing on a disk that takes nothing: it waits, reports so, and goes on.

Neither cursor nor dead letter nor journal may be lost over it, nor the same delivered again.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubhe_sdk.spool import disk_reserve
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar import dead_letters
from dubhe_sidecar.status import read_live
from tests.dubhe_sdk.spool.helpers import DATE_MS, KIB, Kind, make_writer, mounted, segments
from tests.dubhe_sidecar.helpers import SidecarHarness, append_number
from tests.faults import disks
from tests.faults.record_counts import status
from tests.kafka.broker import Broker
from tests.kafka.reader import read_topic
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("root")

NO_ROOM = "No space left on device"


def still_the_first(harness: SidecarHarness, sidecar: subprocess.Popen[bytes]) -> None:
    """Nothing died, hence nothing was started again either."""
    assert sidecar.poll() is None, harness.log_text
    assert harness.log_text.count(NO_ROOM) <= 4, "it says so once, not in every round"


@contextlib.contextmanager
def full_from_the_beginning(harness: SidecarHarness, folder: Path) -> Iterator[None]:
    """Have a spool with 500 messages on a disk that others filled, with no ballast left."""
    with mounted(folder / "disk", "-o", "size=2m") as disk:
        harness.spool = disk / "spool"
        writer = make_writer(harness.spool)
        for number in range(500):
            append_number(writer, number)
        writer.close()
        (harness.spool / disk_reserve.NAME).unlink()
        with disks.filled(disk):
            yield
        harness.drain()
        assert harness.values == list(range(500))
        assert segments(harness.spool) == []
        assert status(harness)["delivered"] == 500


def test_a_cursor_that_finds_no_room(harness: SidecarHarness, tmp_path: Path) -> None:
    """Delivery goes on, and nothing is deleted before the cursor is there."""
    with full_from_the_beginning(harness, tmp_path):
        sidecar = harness.start()
        wait_for(lambda: len(harness.values) == 500, lambda: harness.log_text)
        wait_for(lambda: "the cursor in" in harness.log_text, lambda: harness.log_text)
        assert "nothing is deleted from the spool" in harness.log_text
        assert NO_ROOM in harness.log_text
        assert len(segments(harness.spool)) == 1
        assert not (harness.spool / cursors.NAME).exists()
        still_the_first(harness, sidecar)
        (harness.spool.parent / "foreign").unlink()
        wait_for(lambda: not segments(harness.spool), lambda: harness.log_text)
        wait_for(lambda: "can be written again" in harness.log_text, lambda: harness.log_text)
        still_the_first(harness, sidecar)
        harness.stop()


def test_killed_again_and_again_while_the_cursor_finds_no_room(
    harness: SidecarHarness, tmp_path: Path
) -> None:
    with full_from_the_beginning(harness, tmp_path):
        for turn in range(1, 4):
            sidecar = harness.start()
            wait_for(
                lambda n=turn: harness.log_text.count("the cursor in") >= n,
                lambda: harness.log_text,
            )
            sidecar.kill()
            sidecar.wait()
        assert len(harness.values) == 500


def test_a_dead_letter_that_finds_no_room(
    harness: SidecarHarness, tmp_path: Path, kafka: Broker, topic_name: str
) -> None:
    """Nothing behind it is taken for delivered before it lies in the file."""
    kafka.create_topic(topic_name, config={"max.message.bytes": "20000"})
    with mounted(tmp_path / "disk", "-o", "size=2m") as disk:
        harness.spool = disk / "spool"
        writer = make_writer(harness.spool, topic_status=topic_name, topic_result=topic_name)
        sidecar = harness.start(env={"BOOTSTRAP_SERVERS": kafka.bootstrap})
        append_number(writer, 0)
        wait_for(lambda: status(harness)["delivered"] == 1, lambda: harness.log_text)
        assert writer.append(Kind.RESULT, b'"%b"' % (b"x" * 100_000), DATE_MS)  # too large
        for number in range(1, 20):
            append_number(writer, number)
        sidecar.kill()
        sidecar.wait()
        (harness.spool / disk_reserve.NAME).unlink(missing_ok=True)
        with disks.filled(disk):
            sidecar = harness.start(env={"BOOTSTRAP_SERVERS": kafka.bootstrap})
            wait_for(lambda: "the dead letter for" in harness.log_text, lambda: harness.log_text)
            wait_for(
                lambda: NO_ROOM in (status(harness)["last_error"] or ""),
                lambda: f"{read_live(harness.spool)}\n{harness.log_text}",
            )
            assert status(harness)["last_error_code"] == "disk"
            assert status(harness)["dead_letters"] == 0
            still_the_first(harness, sidecar)
        wait_for(lambda: status(harness)["undelivered"] == 0, lambda: harness.log_text)
        wait_for(lambda: status(harness)["last_error"] is None, lambda: harness.log_text)
        still_the_first(harness, sidecar)
        harness.processes = [sidecar]
        harness.stop()
        (letter,) = dead_letters.read(harness.spool)
        assert letter["seq"] == 2
        assert len(str(letter["value"])) == 100_002
        assert (harness.spool / dead_letters.NAME).read_text().count('"stream"') == 1, (
            "torn attempts"
        )
    values = [message.value for message in read_topic(kafka.bootstrap, topic_name)]
    assert values == [b"%d" % number for number in range(20)]


@pytest.mark.parametrize("killed", [False, True], ids=["lives", "killed meanwhile"])
def test_a_journal_on_a_full_disk(harness: SidecarHarness, tmp_path: Path, killed: bool) -> None:
    with mounted(harness.journal, "-o", "size=1m") as disk:
        writer = make_writer(harness.spool)
        sidecar = harness.start()
        append_number(writer, 0)
        wait_for(lambda: harness.values, lambda: harness.log_text)
        with disks.filled(disk, leave=10 * KIB):
            for number in range(1, 1000):
                append_number(writer, number)
            wait_for(
                lambda: NO_ROOM in (status(harness)["last_error"] or ""), lambda: harness.log_text
            )
            still_the_first(harness, sidecar)
            published = harness.values
            assert 1 < len(published) < 1000
            assert published == list(range(len(published)))
            assert status(harness)["undelivered"] > 0
            if killed:
                sidecar.kill()
                sidecar.wait()
                sidecar = harness.start()
                wait_for(lambda: harness.log_text.count(NO_ROOM) == 2, lambda: harness.log_text)
                assert harness.values == published
        wait_for(lambda: len(harness.values) == 1000, lambda: harness.log_text)
        wait_for(lambda: status(harness)["last_error"] is None, lambda: str(status(harness)))
        assert sidecar.poll() is None
        harness.processes = [sidecar]
        harness.stop()
        assert harness.values == list(range(1000))
        offsets = [message["offset"] for message in harness.messages]
        assert offsets == list(range(1000))
