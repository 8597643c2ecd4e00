"""Beside the drain: syncing, telling the state, watching the lifeline."""

from __future__ import annotations

import os
import shutil

import pytest

from dubhe_sdk.spool import disk_reserve
from dubhe_sidecar import housekeeping
from dubhe_sidecar.housekeeping import Housekeeping
from dubhe_sidecar.sinks.base import OutageCode, OutageReason
from dubhe_sidecar.status import read_live
from tests.dubhe_sdk.spool.helpers import append, make_writer, mounted, segments
from tests.dubhe_sidecar.helpers import FakeSink, Topic
from tests.support.waiting import wait_for


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(housekeeping, "INTERVAL_SECONDS", 0.02)


@pytest.fixture
def synced(monkeypatch):
    """Names of the files that were synced, in order."""
    names: list[str] = []
    real = os.fdatasync

    def fdatasync(fd: int) -> None:
        names.append(os.path.basename(os.readlink(f"/proc/self/fd/{fd}")))  # noqa: PTH119, PTH115
        real(fd)

    monkeypatch.setattr("dubhe_sidecar.fsync.os.fdatasync", fdatasync)
    return names


def keep(directory, sink=None, lifeline=None, on_orphaned=lambda: None) -> None:
    Housekeeping(directory, sink or FakeSink(Topic()), lifeline, on_orphaned).start()


def test_tells_the_state_and_every_change_of_it(tmp_path):
    sink = FakeSink(Topic())
    keep(tmp_path, sink)
    wait_for(
        lambda: (
            read_live(tmp_path)
            == {
                "pid": os.getpid(),
                "sink": "fake topic",
                "last_error": None,
                "last_error_code": None,
                "retries": 0,
                "abandoned": None,
                "notice": None,
            }
        ),
        lambda: str(read_live(tmp_path)),
    )
    sink.outage, sink.retries = OutageReason(OutageCode.REFUSED, "refused"), 3
    wait_for(lambda: read_live(tmp_path).get("last_error") == "refused", "the error")
    assert read_live(tmp_path)["retries"] == 3
    assert read_live(tmp_path)["last_error_code"] == "refused"
    sink.outage = None
    wait_for(lambda: read_live(tmp_path)["last_error"] is None, "its end")


def test_writes_the_state_only_when_it_changes(tmp_path, synced):
    keep(tmp_path)
    wait_for(lambda: read_live(tmp_path), "the state")
    inode = (tmp_path / "status.json").stat().st_ino
    writer = make_writer(tmp_path)
    for number in range(3):  # rounds go by
        append(writer, number)
        wait_for(lambda n=number: len(synced) > n, "a round")
    assert (tmp_path / "status.json").stat().st_ino == inode


def test_syncs_what_grew_and_nothing_else(tmp_path, synced):
    (tmp_path / "notes.txt").write_text("not ours")
    one, other = make_writer(tmp_path), make_writer(tmp_path)
    append(one, 1)
    append(other, 1)
    names = [segments(tmp_path, writer.stream)[0].name for writer in (one, other)]
    keep(tmp_path)
    wait_for(lambda: sorted(synced) == sorted(names), lambda: str(synced))
    for _ in range(5):
        synced.clear()
        append(one, 2)
        wait_for(lambda: synced, "a sync")
        assert set(synced) == {names[0]}


def test_goes_on_when_the_spool_cannot_be_looked_at(tmp_path, caplog, synced):
    spool = tmp_path / "spool"
    spool.mkdir()
    keep(spool)
    wait_for(lambda: read_live(spool), "the state")
    shutil.rmtree(spool)
    wait_for(lambda: "housekeeping" in caplog.text, "a warning")
    spool.mkdir()
    writer = make_writer(spool)
    append(writer, 1)
    wait_for(lambda: synced == [segments(spool)[0].name], "a sync")


def test_the_end_of_the_lifeline_is_told_once(tmp_path, synced):
    reading, writing = os.pipe()
    told: list[int] = []
    keep(tmp_path, lifeline=reading, on_orphaned=lambda: told.append(1))
    wait_for(lambda: read_live(tmp_path), "the first round")
    assert told == []
    os.close(writing)
    wait_for(lambda: told, "the lifeline")
    writer = make_writer(tmp_path)
    for number in range(3):  # it goes on
        append(writer, number)
        wait_for(lambda n=number: len(synced) > n, "a round")
    assert told == [1]
    os.close(reading)


def test_lays_by_room_and_renews_it(tmp_path):
    laid_by = tmp_path / disk_reserve.NAME
    keep(tmp_path)
    wait_for(
        lambda: laid_by.exists() and laid_by.stat().st_size == disk_reserve.BYTES, "the reserve"
    )
    assert disk_reserve.release(tmp_path, 100_000)
    wait_for(lambda: laid_by.stat().st_size == disk_reserve.BYTES, "the reserve again")


@pytest.mark.needs("root")
def test_what_lasts_is_told_once(tmp_path, caplog):
    """A full disk lasts for hours, and a round takes a second."""
    with mounted(tmp_path / "disk", "-o", "size=64k,nr_inodes=3") as disk:
        (disk / "foreign-1").touch()
        (disk / "foreign-2").touch()
        rounds = 0

        def no_outage() -> None:
            nonlocal rounds
            rounds += 1

        Housekeeping(disk, FakeSink(Topic()), None, lambda: None, no_outage).start()
        wait_for(lambda: rounds > 20, "twenty rounds")
        assert caplog.text.count("No space left") == 1
        (disk / "foreign-1").unlink()
        (disk / "foreign-2").unlink()
        wait_for(lambda: read_live(disk), "the state")
