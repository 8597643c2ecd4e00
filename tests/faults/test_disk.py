"""The algorithm's disk: full, over quota, without inodes, limited, read-only, removed.

The call never raises nor waits beyond its bound; what is dropped is counted, exactly; START, END
and results go through as long as anything can; and all is well again when there is room.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from dubhe_sdk.spool import disk_reserve
from dubhe_sidecar.status import read_live
from tests.dubhe_sdk.spool.helpers import KIB, MIB, mounted, segments
from tests.dubhe_sidecar.helpers import Place
from tests.faults import disks
from tests.faults.ledgers import check, received, status
from tests.faults.talker import Talker, talking
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("root", "faketime", "mkfs.btrfs", "mkfs.ext4")

WAIT_SECONDS = 1.0
# Of a call that only looks: generous, since the machine may be busy.
AT_ONCE = 0.8
WAITED = WAIT_SECONDS + AT_ONCE


def environ(place: Place, **more: str) -> dict[str, str]:
    return place.environ(DUBHE_SPOOL_FULL_TIMEOUT_SECONDS=str(WAIT_SECONDS), **more)


def on(disk: Path, place: Place) -> None:
    place.spool = disk / "spool"
    place.spool.mkdir()


def delivering(place: Place) -> subprocess.Popen[bytes]:
    """Return the sidecar that has the spool; start a new one if the last has given up."""

    def has_it() -> bool:
        sidecar = place.processes[-1]
        if sidecar.poll() is not None:
            assert sidecar.returncode == 1, place.log_text
            place.start()  # as the container parent does
        return read_live(place.spool).get("pid") == place.processes[-1].pid

    wait_for(has_it, lambda: place.log_text)
    return place.processes[-1]


def log_of(place: Place) -> str:
    return (place.folder / "log" / "dubhe.log").read_text()


def talk_until_full(talker: Talker) -> None:
    """Say progress until some of it must have been dropped, in calls that do not wait."""
    assert talker.say("progress", 2000, 2000) < AT_ONCE


def recovers(place: Place, talker: Talker) -> None:
    """With a sidecar there is room again; what is dropped until then is counted: see `check`."""
    place.start()
    wait_for(lambda: status(place)["undelivered"] == 0, lambda: place.log_text)
    wait_for(lambda: len(segments(place.spool)) <= 2, lambda: str(segments(place.spool)))
    wait_for(lambda: _accepts_again(place, talker), "progress to be accepted again")
    talker.say("progress", 50)
    talker.say("END")
    talker.end()
    place.stop()


def _accepts_again(place: Place, talker: Talker) -> bool:
    before = received(place)["progress"]
    talker.say("progress")
    wait_for(lambda: status(place)["undelivered"] == 0, lambda: place.log_text)
    return received(place)["progress"] > before


def test_a_small_tmpfs_that_fills_up(place: Place, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "-o", "size=2m") as disk:
        on(disk, place)
        with talking(environ(place)) as talker:
            talker.say("START")
            talk_until_full(talker)
            assert talker.say("result", 1, 100 * KIB) < WAITED
            recovers(place, talker)
        dropped = check(place, talker)
    assert 500 < dropped < 2100
    assert "messages are being dropped and counted" in log_of(place)
    assert "No space left" in log_of(place)


def test_start_end_and_results_have_room_on_a_disk_that_others_filled(
    place: Place, tmp_path: Path
) -> None:
    """The sidecar had laid it by; it cannot deliver meanwhile, since its broker is away."""
    with mounted(tmp_path / "disk", "-o", "size=24m") as disk, reserved_port() as port:
        on(disk, place)
        sidecar = place.start(env={"BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"})
        laid_by = place.spool / disk_reserve.NAME
        wait_for(
            lambda: laid_by.exists() and laid_by.stat().st_size == disk_reserve.BYTES,
            lambda: place.log_text,
        )
        with talking(environ(place)) as talker:
            talker.say("progress")  # both streams of it are there
            with disks.filled(disk):
                talk_until_full(talker)
                assert talker.say("START") < AT_ONCE
                assert talker.say("result", 100, 1000) < AT_ONCE
                assert talker.say("END") < AT_ONCE
                assert 0 < laid_by.stat().st_size < disk_reserve.BYTES
                sidecar.kill()
                sidecar.wait()
            talker.end()
        place.drain()
        dropped = check(place, talker)
        assert received(place) == {
            **{"START": 1, "END": 1, "result": 100},
            "progress": talker.said["progress"] - dropped,
        }
        assert dropped > 1000


def test_a_quota(place: Place, tmp_path: Path) -> None:
    with disks.with_quota(tmp_path, 2) as disk:
        on(disk, place)
        with talking(environ(place)) as talker:
            talker.say("START")
            talk_until_full(talker)
            recovers(place, talker)
        assert check(place, talker, torn=True) > 100
    assert "Disk quota exceeded" in log_of(place)


def test_no_inodes_left(place: Place, tmp_path: Path) -> None:
    """Segments that are there go on growing; a process that has none yet drops and counts."""
    with mounted(tmp_path / "disk", "-o", "size=64m,nr_inodes=30") as disk:
        on(disk, place)
        env = environ(place, DUBHE_SPOOL_MAX_BYTES=str(8 * MIB))  # segments of 1 MiB
        with talking(env) as first, talking(env) as second:
            first.say("START")
            first.say("progress")
            for number in range(30):
                try:
                    (disk / f"foreign-{number}").touch()
                except OSError:
                    break
            assert first.say("progress", 2000, 2000) < AT_ONCE
            assert second.say("progress", 100) < AT_ONCE
            assert second.say("result") < WAITED
            for path in disk.glob("foreign-*"):
                path.unlink()
            place.start()
            wait_for(lambda: received(place)["progress"] == 2001, lambda: place.log_text)
            second.say("result")
            first.say("END")
            first.end()
            second.end()
            place.stop()
        assert check(place, first, second) == 101


@pytest.mark.parametrize("limit", [300 * KIB, 300 * KIB + 1])
def test_a_file_size_limit_and_the_short_writes_it_makes(place: Place, limit: int) -> None:
    """The kernel takes what fits of a write, then refuses: a segment ends, nothing is lost."""
    with talking(environ(place), file_limit=limit) as talker:
        talker.say("START")
        assert talker.say("progress", 1000, 1000) < AT_ONCE
        assert talker.say("result", 1, 2 * limit) < WAITED  # fits in no file
        assert talker.say("result", 20, limit // 3) < AT_ONCE
        talker.say("END")
        talker.end()
    assert all(path.stat().st_size <= limit for path in segments(place.spool))
    place.drain()
    assert check(place, talker) == 1
    assert received(place) == {"START": 1, "END": 1, "progress": 1000, "result": 20}


def test_a_disk_that_becomes_read_only(place: Place, tmp_path: Path) -> None:
    """Nothing can be counted there any more; the log tells, and what was said before arrives."""
    with disks.image(tmp_path, "ext4", 16) as disk:
        on(disk, place)
        sidecar = place.start()
        with talking(environ(place)) as talker:
            talker.say("START")
            talker.say("progress", 100)
            wait_for(lambda: received(place)["progress"] == 100, lambda: place.log_text)
            talker.say("progress", 1)
            disks.make_read_only(disk)
            assert talker.say("progress", 500) < AT_ONCE
            assert talker.say("END") < WAITED
            talker.end()
        wait_for(lambda: "Read-only file system" in place.log_text, lambda: place.log_text)
        assert sidecar.poll() is None, "it waits"
        sidecar.kill()
        sidecar.wait()
        assert "Read-only file system" in log_of(place)
        told = sum(
            int(line.split(" messages were dropped and could not")[0].split()[-1])
            for line in log_of(place).splitlines()
            if "messages were dropped and could not be counted" in line
        )
    with disks.again(tmp_path, "ext4") as disk:
        place.drain()
        # The journal of the disk brought back what was on it; the END was added for the service.
        ends = received(place).pop("END")
        assert ends == 1
        talker.said["END"] += ends
        check(place, talker, unnoted=told)
    assert told >= 500


def test_a_spool_removed_again_and_again_while_it_is_written_and_drained(place: Place) -> None:
    """What lay in it is gone with it; all else arrives once, and nobody stops for good."""
    with talking(environ(place)) as talker:
        place.start()
        for turn in range(8):
            talker.say("progress", 300)
            if turn % 2:  # else before it has begun, or in its first steps
                sidecar = delivering(place)
                talker.say("progress", 300)
            shutil.rmtree(place.spool, ignore_errors=True)
            talker.say("progress", 300)
            if turn % 2:
                assert sidecar.wait(60) == 1
        delivering(place)
        talker.say("START")
        talker.say("END")
        talker.end()
        wait_for(lambda: received(place)["END"] == 1, lambda: place.log_text)
    living = [process for process in place.processes if process.poll() is None]
    for process in living:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(60) for process in living] == [0] * len(living)
    identities = [(m["headers"]["dubhe-writer"], m["headers"]["dubhe-seq"]) for m in place.messages]
    assert len(set(identities)) == len(identities)
    assert "was removed or replaced" in place.log_text or "No such file" in place.log_text
    assert received(place)["progress"] >= 300


def test_a_wall_clock_set_back_by_a_day(place: Place, tmp_path: Path) -> None:
    """Frames are ordered by the monotonic clock; dates follow the wall clock as they must."""
    offset = tmp_path / "offset"
    offset.write_text("+0")
    env = environ(place, FAKETIME_TIMESTAMP_FILE=str(offset), FAKETIME_NO_CACHE="1")
    faked = ("faketime", "-f", "+0")
    library = subprocess.run(
        [*faked, "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    env |= {"LD_PRELOAD": library, "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    place.start(env={name: env[name] for name in env if name.startswith(("FAKE", "LD_", "DONT"))})
    with talking(env) as talker, talking(env) as other:
        talker.say("START")
        talker.say("progress", 50)
        wait_for(lambda: received(place)["progress"] == 50, lambda: place.log_text)
        offset.write_text("-1d")
        for _ in range(10):
            talker.say("progress", 5)
            other.say("result", 5)
        talker.say("END")
        wait_for(lambda: received(place)["END"] == 1, lambda: place.log_text)
        wait_for(lambda: status(place)["undelivered"] == 0, "the cursor")
        talker.end()
        other.end()
    place.stop()
    assert check(place, talker, other) == 0
    dates = [message["value"]["date"] for message in place.messages]
    assert max(dates[:50]) - max(dates[51:]) > 80_000_000, "the clock was not set back"
    results = [m["value"]["data"]["n"] for m in place.messages if m["value"]["mes_type"] == 3]
    progress = [m["value"]["data"]["n"] for m in place.messages if m["value"]["mes_type"] == 2]
    assert results == list(range(1, 51))
    assert progress == list(range(1, 101))
