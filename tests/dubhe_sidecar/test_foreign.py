"""What does not belong in a spool, and what is not there: holes, copies, other versions, strangers.

As with damage, what can be delivered is, once and in order, and the rest is reported.
"""

from __future__ import annotations

import os
import shutil
import socket

import pytest

from dubhe_sdk.spool import segment
from tests.dubhe_sdk.spool.helpers import description
from tests.dubhe_sidecar.damaged_spool import ALL, COUNT, FRAMES, SEGMENTS, SIZE, Spool
from tests.dubhe_sidecar.helpers import SidecarHarness


@pytest.mark.parametrize("gone", [{1}, {2}, {1, 2}, {3}, {2, 3}], ids=str)
def test_a_hole_in_the_numbers_of_segments_is_reported(
    spool: Spool, gone: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    for number in gone:
        spool.path(number).unlink()
    outcome = spool.deliver()
    kept = [seq for seq in ALL if (seq - 1) // FRAMES + 1 not in gone]
    assert outcome.seqs["a"] == kept
    provable = [seq for seq in ALL if seq not in kept and seq < kept[-1]]
    assert outcome.totals.missing == len(provable)
    assert ("are missing in the spool" in caplog.text) == bool(provable)


def test_a_copy_of_a_segment_is_not_delivered_again(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """By hand, or by a backup that was put back: under a later number, or another name."""
    shutil.copy(spool.path(1), spool.path(SEGMENTS + 1))
    shutil.copy(spool.path(2), spool.path(2, "c"))
    outcome = spool.deliver()
    assert outcome.status is not None
    assert outcome.seqs["a"] == ALL
    assert "c" not in outcome.seqs
    assert "segment of stream a, copied or renamed" in outcome.status.unreadable[0]
    assert outcome.totals.skipped_bytes == FRAMES * SIZE
    assert "damaged bytes in stream a were skipped" in caplog.text


@pytest.mark.parametrize("magic", [b"DUBHESG0", b"DUBHESG2", b"DUBHESGA"])
def test_a_spool_of_another_version_is_kept_and_told(
    spool: Spool, magic: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    contents = magic + spool.path(1).read_bytes()[8:]
    spool.path(1, "other").write_bytes(contents)
    outcome = spool.deliver()
    assert outcome.status is not None
    assert outcome.seqs["a"] == ALL
    assert "other" not in outcome.seqs
    assert spool.path(1, "other").read_bytes() == contents
    assert repr(magic) in outcome.status.unreadable[0]
    assert "another version" in caplog.text


def test_a_description_with_more_or_less_in_it_is_kept_and_told(spool: Spool) -> None:
    text = description("other").encode()[segment.PREFIX.size :]
    for name, changed in {
        "more": text.replace(b'"pid"', b'"colour": 1, "pid"'),
        "less": text.replace(b'"service": "service-1", ', b""),
    }.items():
        assert changed != text
        header = segment.PREFIX.pack(segment.MAGIC, bytes(8), len(changed), segment.crc32(changed))
        spool.path(1, name).write_bytes(header + changed)
    outcome = spool.deliver()
    assert outcome.status is not None
    assert outcome.seqs["a"] == ALL
    assert [line.split(":")[0] for line in outcome.status.unreadable] == ["less", "more"]
    assert all("not understood" in line for line in outcome.status.unreadable)


def test_foreign_things_hold_up_neither_sidecar_nor_status(
    whole: Spool, harness: SidecarHarness
) -> None:
    """Real processes, since what could go wrong is that one waits permanently: a FIFO does that."""
    shutil.rmtree(harness.spool)
    spool = whole.copy(harness.spool)
    spool.path(1, "folder").mkdir()
    spool.path(1, "link").symlink_to(spool.path(1))
    spool.path(1, "dangling").symlink_to("nowhere")
    os.mkfifo(spool.path(1, "pipe"))
    os.mkfifo(spool.folder / ".pipe.00000001.seg.new")
    os.mkfifo(spool.folder / "other.seg")
    spool.path(1, "text").write_text("a file of somebody's own\n" * 99)
    (spool.folder / "notes.txt").write_text("not ours")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(spool.path(1, "socket")))
        harness.drain()
        done = harness.dubhe("status", "--json")
        harness.drain()
    assert len(harness.values) == COUNT + FRAMES
    for name in ("folder", "link", "dangling", "pipe", "socket", "text"):
        assert f"{name}.00000001.seg" in harness.log_text or f"stream {name} " in harness.log_text
        assert f'"{name}' in done.stdout
        assert os.path.lexists(spool.path(1, name))
    assert done.returncode == 1
    assert "Traceback" not in harness.log_text


def test_what_a_power_cut_leaves_of_a_new_segment_is_cleared_away(
    whole: Spool, harness: SidecarHarness
) -> None:
    """Only zeros, or nothing at all, under a name: not a stream that stays unreadable."""
    shutil.rmtree(harness.spool)
    spool = whole.copy(harness.spool)
    spool.path(1, "empty").write_bytes(b"")
    spool.path(1, "zeros").write_bytes(bytes(100_000))
    spool.path(SEGMENTS + 1).write_bytes(bytes(5000))
    harness.drain()
    assert len(harness.values) == COUNT + FRAMES
    assert harness.dubhe("status").returncode == 0
    assert harness.log_text.count("held only zeros") == 3
