"""The algorithm's disk: full, over quota, without inodes, limited, read-only, removed.

The call never raises nor waits beyond its bound; what is dropped is counted, exactly; START, END
and results go through as long as anything can; and all is well again when there is room.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dubhe_sdk.spool import disk_reserve
from dubhe_sidecar.status import read_live
from tests.dubhe_sdk.spool.helpers import KIB, MIB, mounted, segments
from tests.dubhe_sidecar.helpers import SidecarHarness
from tests.faults import disks
from tests.faults.record_counts import check, received, status
from tests.faults.scripted_writer import ScriptedWriter, scripted_writer
from tests.support.ports import reserved_port
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("root", "faketime", "mkfs.btrfs", "mkfs.ext4")

WAIT_SECONDS = 1.0
# A call that takes less has not waited for space.
AT_ONCE = 0.8 * WAIT_SECONDS
WAITED = WAIT_SECONDS + AT_ONCE


def environ(harness: SidecarHarness, **more: str) -> dict[str, str]:
    return harness.environ(DUBHE_SPOOL_FULL_TIMEOUT_SECONDS=str(WAIT_SECONDS), **more)


def on(disk: Path, harness: SidecarHarness) -> None:
    harness.spool = disk / "spool"
    harness.spool.mkdir()


def delivering(harness: SidecarHarness) -> subprocess.Popen[bytes]:
    """Return the sidecar that has the spool; start a new one if the last has given up."""

    def has_it() -> bool:
        sidecar = harness.processes[-1]
        if sidecar.poll() is not None:
            assert sidecar.returncode == 1, harness.log_text
            harness.start()  # as the container parent does
        return read_live(harness.spool).get("pid") == harness.processes[-1].pid

    wait_for(has_it, lambda: harness.log_text)
    return harness.processes[-1]


def log_of(harness: SidecarHarness) -> str:
    return (harness.folder / "log" / "dubhe.log").read_text()


def talk_until_full(writer: ScriptedWriter) -> None:
    """Say progress until some of it must have been dropped, in calls that do not wait."""
    assert writer.report("progress", 2000, 2000) < AT_ONCE


def recovers(harness: SidecarHarness, writer: ScriptedWriter) -> None:
    """With a sidecar there is room again; what is dropped until then is counted: see `check`."""
    harness.start()
    wait_for(lambda: status(harness)["undelivered"] == 0, lambda: harness.log_text)
    wait_for(lambda: len(segments(harness.spool)) <= 2, lambda: str(segments(harness.spool)))
    wait_for(lambda: _accepts_again(harness, writer), "progress to be accepted again")
    writer.report("progress", 50)
    writer.report("END")
    writer.end()
    harness.stop()


def _accepts_again(
    harness: SidecarHarness, writer: ScriptedWriter, gave_up: Callable[[], bool] = lambda: False
) -> bool:
    before = received(harness)["progress"]
    writer.report("progress")
    wait_for(
        lambda: gave_up() or status(harness)["undelivered"] == 0,
        lambda: harness.log_text,
    )
    return received(harness)["progress"] > before


def delivers(
    harness: SidecarHarness, writer: ScriptedWriter, count: int
) -> subprocess.Popen[bytes]:
    """Return the sidecar that has delivered what is said now: all have the spool of that name.

    One that had opened a spool just before its removal may name itself in the next spool's files
    and give up only then; its successor is asked again.
    """
    while not _arrives(harness, writer, count, delivering(harness)):
        pass
    return harness.processes[-1]


def _arrives(
    harness: SidecarHarness, writer: ScriptedWriter, count: int, sidecar: subprocess.Popen[bytes]
) -> bool:
    def gave_up() -> bool:
        return sidecar.poll() is not None

    wait_for(
        lambda: gave_up() or _accepts_again(harness, writer, gave_up),
        "progress to be accepted again",
    )
    before = received(harness)["progress"]
    writer.report("progress", count)
    wait_for(
        lambda: gave_up() or received(harness)["progress"] >= before + count,
        lambda: harness.log_text,
    )
    return not gave_up()


def test_a_small_tmpfs_that_fills_up(harness: SidecarHarness, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "-o", "size=2m") as disk:
        on(disk, harness)
        with scripted_writer(environ(harness)) as writer:
            writer.report("START")
            talk_until_full(writer)
            assert writer.report("result", 1, 100 * KIB) < WAITED
            recovers(harness, writer)
        dropped = check(harness, writer)
    assert 500 < dropped < 2100
    assert "messages are being dropped and counted" in log_of(harness)
    assert "No space left" in log_of(harness)


def test_start_end_and_results_have_room_on_a_disk_that_others_filled(
    harness: SidecarHarness, tmp_path: Path
) -> None:
    """The sidecar had laid it by; it cannot deliver meanwhile, since its broker is away."""
    with mounted(tmp_path / "disk", "-o", "size=24m") as disk, reserved_port() as port:
        on(disk, harness)
        sidecar = harness.start(env={"BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"})
        laid_by = harness.spool / disk_reserve.NAME
        wait_for(
            lambda: laid_by.exists() and laid_by.stat().st_size == disk_reserve.BYTES,
            lambda: harness.log_text,
        )
        with scripted_writer(environ(harness)) as writer:
            writer.report("progress")  # both streams of it are there
            with disks.filled(disk):
                talk_until_full(writer)
                assert writer.report("START") < AT_ONCE
                assert writer.report("result", 100, 1000) < AT_ONCE
                assert writer.report("END") < AT_ONCE
                assert 0 < laid_by.stat().st_size < disk_reserve.BYTES
                sidecar.kill()
                sidecar.wait()
            writer.end()
        harness.drain()
        dropped = check(harness, writer)
        assert received(harness) == {
            **{"START": 1, "END": 1, "result": 100},
            "progress": writer.reported["progress"] - dropped,
        }
        assert dropped > 1000


def test_a_quota(harness: SidecarHarness, tmp_path: Path) -> None:
    with disks.with_quota(tmp_path, 2) as disk:
        on(disk, harness)
        with scripted_writer(environ(harness)) as writer:
            writer.report("START")
            talk_until_full(writer)
            recovers(harness, writer)
        assert check(harness, writer, torn=True) > 100
    assert "Disk quota exceeded" in log_of(harness)


def test_no_inodes_left(harness: SidecarHarness, tmp_path: Path) -> None:
    """Segments that are there go on growing; a process that has none yet drops and counts."""
    with mounted(tmp_path / "disk", "-o", "size=64m,nr_inodes=30") as disk:
        on(disk, harness)
        env = environ(harness, DUBHE_SPOOL_MAX_BYTES=str(8 * MIB))  # segments of 1 MiB
        with scripted_writer(env) as first, scripted_writer(env) as second:
            first.report("START")
            first.report("progress")
            for number in range(30):
                try:
                    (disk / f"foreign-{number}").touch()
                except OSError:
                    break
            assert first.report("progress", 2000, 2000) < AT_ONCE
            assert second.report("progress", 100) < AT_ONCE
            assert second.report("result") < WAITED
            for path in disk.glob("foreign-*"):
                path.unlink()
            harness.start()
            wait_for(lambda: received(harness)["progress"] == 2001, lambda: harness.log_text)
            second.report("result")
            first.report("END")
            first.end()
            second.end()
            harness.stop()
        assert check(harness, first, second) == 101


@pytest.mark.parametrize("limit", [300 * KIB, 300 * KIB + 1])
def test_a_file_size_limit_and_the_short_writes_it_makes(
    harness: SidecarHarness, limit: int
) -> None:
    """The kernel takes what fits of a write, then refuses: a segment ends, nothing is lost."""
    with scripted_writer(environ(harness), file_limit=limit) as writer:
        writer.report("START")
        assert writer.report("progress", 1000, 1000) < AT_ONCE
        assert writer.report("result", 1, 2 * limit) < WAITED  # fits in no file
        assert writer.report("result", 20, limit // 3) < AT_ONCE
        writer.report("END")
        writer.end()
    assert all(path.stat().st_size <= limit for path in segments(harness.spool))
    harness.drain()
    assert check(harness, writer) == 1
    assert received(harness) == {"START": 1, "END": 1, "progress": 1000, "result": 20}


def test_a_disk_that_becomes_read_only(harness: SidecarHarness, tmp_path: Path) -> None:
    """Drops can be counted only in the log; what was reported before arrives."""
    with disks.image(tmp_path, "ext4", 16) as disk:
        on(disk, harness)
        sidecar = harness.start()
        with scripted_writer(environ(harness)) as writer:
            writer.report("START")
            writer.report("progress", 100)
            wait_for(lambda: received(harness)["progress"] == 100, lambda: harness.log_text)
            writer.report("progress", 1)
            disks.make_read_only(disk)
            assert writer.report("progress", 500) < AT_ONCE
            assert writer.report("END") < WAITED
            writer.end()
        wait_for(lambda: "Read-only file system" in harness.log_text, lambda: harness.log_text)
        assert sidecar.poll() is None, "it waits"
        sidecar.kill()
        sidecar.wait()
        assert "Read-only file system" in log_of(harness)
        published = sum(
            int(line.split(" messages were dropped and could not")[0].split()[-1])
            for line in log_of(harness).splitlines()
            if "messages were dropped and could not be counted" in line
        )
    with disks.again(tmp_path, "ext4") as disk:
        harness.drain()
        # The journal of the disk brought back what was on it; the END was added for the service.
        ends = received(harness).pop("END")
        assert ends == 1
        writer.reported["END"] += ends
        check(harness, writer, unnoted=published)
    assert published >= 500


def test_a_spool_removed_again_and_again_while_it_is_written_and_drained(
    harness: SidecarHarness,
) -> None:
    """What lay in it is gone with it; all else arrives once, and nobody stops for good."""
    with scripted_writer(environ(harness)) as writer:
        harness.start()
        for turn in range(8):
            writer.report("progress", 300)
            if turn % 2:  # else before it has begun, or in its first steps
                sidecar = delivers(harness, writer, 300)
                writer.report("progress", 300)
            shutil.rmtree(harness.spool, ignore_errors=True)
            writer.report("progress", 300)
            if turn % 2:
                assert sidecar.wait(60) == 1
        delivers(harness, writer, 1)
        writer.report("START")
        writer.report("END")
        writer.end()
        wait_for(lambda: received(harness)["END"] == 1, lambda: harness.log_text)
    living = [process for process in harness.processes if process.poll() is None]
    for process in living:
        process.send_signal(signal.SIGTERM)
    assert [process.wait(60) for process in living] == [0] * len(living)
    identities = [
        (m["headers"]["dubhe-writer"], m["headers"]["dubhe-seq"]) for m in harness.messages
    ]
    assert len(set(identities)) == len(identities)
    assert "was removed or replaced" in harness.log_text or "No such file" in harness.log_text
    assert received(harness)["progress"] >= 4 * 300


def test_a_wall_clock_set_back_by_a_day(harness: SidecarHarness, tmp_path: Path) -> None:
    """Frames are ordered by the monotonic clock; dates follow the wall clock as they must."""
    offset = tmp_path / "offset"
    offset.write_text("+0")
    env = environ(harness, FAKETIME_TIMESTAMP_FILE=str(offset), FAKETIME_NO_CACHE="1")
    faked = ("faketime", "-f", "+0")
    library = subprocess.run(
        [*faked, "printenv", "LD_PRELOAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    env |= {"LD_PRELOAD": library, "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    harness.start(env={name: env[name] for name in env if name.startswith(("FAKE", "LD_", "DONT"))})
    with scripted_writer(env) as writer, scripted_writer(env) as other:
        writer.report("START")
        writer.report("progress", 50)
        wait_for(lambda: received(harness)["progress"] == 50, lambda: harness.log_text)
        offset.write_text("-1d")
        for _ in range(10):
            writer.report("progress", 5)
            other.report("result", 5)
        writer.report("END")
        wait_for(lambda: received(harness)["END"] == 1, lambda: harness.log_text)
        wait_for(lambda: status(harness)["undelivered"] == 0, "the cursor")
        writer.end()
        other.end()
    harness.stop()
    assert check(harness, writer, other) == 0
    dates = [message["value"]["date"] for message in harness.messages]
    assert max(dates[:50]) - max(dates[51:]) > 80_000_000, "the clock was not set back"
    results = [m["value"]["data"]["n"] for m in harness.messages if m["value"]["mes_type"] == 3]
    progress = [m["value"]["data"]["n"] for m in harness.messages if m["value"]["mes_type"] == 2]
    assert results == list(range(1, 51))
    assert progress == list(range(1, 101))
