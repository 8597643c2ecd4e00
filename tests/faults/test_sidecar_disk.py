"""The sidecar's own writing on a disk that takes nothing: it waits, says so, and goes on.

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
from tests.dubhe_sidecar.helpers import Place, tell
from tests.faults import disks
from tests.faults.ledgers import status
from tests.kafka.broker import Broker
from tests.kafka.reader import read_topic
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("root")

NO_ROOM = "No space left on device"


def still_the_first(place: Place, sidecar: subprocess.Popen[bytes]) -> None:
    """Nothing died, hence nothing was started again either."""
    assert sidecar.poll() is None, place.log_text
    assert place.log_text.count(NO_ROOM) <= 4, "it says so once, not in every round"


@contextlib.contextmanager
def full_from_the_beginning(place: Place, folder: Path) -> Iterator[None]:
    """Have a spool with 500 messages on a disk that others filled, with no ballast left."""
    with mounted(folder / "disk", "-o", "size=2m") as disk:
        place.spool = disk / "spool"
        writer = make_writer(place.spool)
        for number in range(500):
            tell(writer, number)
        writer.close()
        (place.spool / disk_reserve.NAME).unlink()
        with disks.filled(disk):
            yield
        place.drain()
        assert place.values == list(range(500))
        assert segments(place.spool) == []
        assert status(place)["delivered"] == 500


def test_a_cursor_that_finds_no_room(place: Place, tmp_path: Path) -> None:
    """Delivery goes on, and nothing is deleted before the cursor is there."""
    with full_from_the_beginning(place, tmp_path):
        sidecar = place.start()
        wait_for(lambda: len(place.values) == 500, lambda: place.log_text)
        wait_for(lambda: "the cursor in" in place.log_text, lambda: place.log_text)
        assert "nothing is deleted from the spool" in place.log_text
        assert NO_ROOM in place.log_text
        assert len(segments(place.spool)) == 1
        assert not (place.spool / cursors.NAME).exists()
        still_the_first(place, sidecar)
        (place.spool.parent / "foreign").unlink()
        wait_for(lambda: not segments(place.spool), lambda: place.log_text)
        wait_for(lambda: "can be written again" in place.log_text, lambda: place.log_text)
        still_the_first(place, sidecar)
        place.stop()


def test_killed_again_and_again_while_the_cursor_finds_no_room(
    place: Place, tmp_path: Path
) -> None:
    with full_from_the_beginning(place, tmp_path):
        for turn in range(1, 4):
            sidecar = place.start()
            wait_for(
                lambda n=turn: place.log_text.count("the cursor in") >= n, lambda: place.log_text
            )
            sidecar.kill()
            sidecar.wait()
        assert len(place.values) == 500


def test_a_dead_letter_that_finds_no_room(
    place: Place, tmp_path: Path, kafka: Broker, topic_name: str
) -> None:
    """Nothing behind it is taken for delivered before it lies in the file."""
    kafka.create_topic(topic_name, config={"max.message.bytes": "20000"})
    with mounted(tmp_path / "disk", "-o", "size=2m") as disk:
        place.spool = disk / "spool"
        writer = make_writer(place.spool, topic_status=topic_name, topic_result=topic_name)
        sidecar = place.start(env={"BOOTSTRAP_SERVERS": kafka.bootstrap})
        tell(writer, 0)
        wait_for(lambda: status(place)["delivered"] == 1, lambda: place.log_text)
        assert writer.append(Kind.RESULT, b'"%b"' % (b"x" * 100_000), DATE_MS)  # too large
        for number in range(1, 20):
            tell(writer, number)
        sidecar.kill()
        sidecar.wait()
        (place.spool / disk_reserve.NAME).unlink(missing_ok=True)
        with disks.filled(disk):
            sidecar = place.start(env={"BOOTSTRAP_SERVERS": kafka.bootstrap})
            wait_for(lambda: "the dead letter for" in place.log_text, lambda: place.log_text)
            wait_for(
                lambda: NO_ROOM in (status(place)["last_error"] or ""),
                lambda: f"{read_live(place.spool)}\n{place.log_text}",
            )
            assert status(place)["dead_letters"] == 0
            still_the_first(place, sidecar)
        wait_for(lambda: status(place)["undelivered"] == 0, lambda: place.log_text)
        wait_for(lambda: status(place)["last_error"] is None, lambda: place.log_text)
        still_the_first(place, sidecar)
        place.processes = [sidecar]
        place.stop()
        (letter,) = dead_letters.read(place.spool)
        assert letter["seq"] == 2
        assert len(str(letter["value"])) == 100_002
        assert (place.spool / dead_letters.NAME).read_text().count('"stream"') == 1, "torn attempts"
    values = [message.value for message in read_topic(kafka.bootstrap, topic_name)]
    assert values == [b"%d" % number for number in range(20)]


@pytest.mark.parametrize("killed", [False, True], ids=["lives", "killed meanwhile"])
def test_a_journal_on_a_full_disk(place: Place, tmp_path: Path, killed: bool) -> None:
    with mounted(place.journal, "-o", "size=1m") as disk:
        writer = make_writer(place.spool)
        sidecar = place.start()
        tell(writer, 0)
        wait_for(lambda: place.values, lambda: place.log_text)
        with disks.filled(disk, leave=10 * KIB):
            for number in range(1, 1000):
                tell(writer, number)
            wait_for(lambda: NO_ROOM in (status(place)["last_error"] or ""), lambda: place.log_text)
            still_the_first(place, sidecar)
            told = place.values
            assert 1 < len(told) < 1000
            assert told == list(range(len(told)))
            assert status(place)["undelivered"] > 0
            if killed:
                sidecar.kill()
                sidecar.wait()
                sidecar = place.start()
                wait_for(lambda: place.log_text.count(NO_ROOM) == 2, lambda: place.log_text)
                assert place.values == told
        wait_for(lambda: len(place.values) == 1000, lambda: place.log_text)
        wait_for(lambda: status(place)["last_error"] is None, lambda: str(status(place)))
        assert sidecar.poll() is None
        place.processes = [sidecar]
        place.stop()
        assert place.values == list(range(1000))
        offsets = [message["offset"] for message in place.messages]
        assert offsets == list(range(1000))
