"""The disk reserve: how much of which disk, and how it is released."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_sdk.spool import disk_reserve
from tests.dubhe_sdk.spool.helpers import KIB, MIB, mounted
from tests.faults import disks


def kept(directory: Path) -> int:
    path = directory / disk_reserve.NAME
    return path.stat().st_size if path.exists() else 0


def blocks(directory: Path) -> int:
    """Return what it really takes of the disk, in bytes."""
    return (directory / disk_reserve.NAME).stat().st_blocks * 512


@pytest.mark.needs("root")
@pytest.mark.parametrize(
    ("size", "expected"),
    [("9m", disk_reserve.BYTES), ("7m", disk_reserve.SIDECAR_BYTES), ("300k", 0)],
    ids=["plenty", "little", "hardly anything"],
)
def test_as_much_as_the_disk_can_spare(tmp_path: Path, size: str, expected: int) -> None:
    with mounted(tmp_path / "disk", "-o", f"size={size}") as disk:
        disk_reserve.fill(disk)
        assert kept(disk) == expected
        assert not expected or blocks(disk) == expected


def test_is_let_go_of_piece_by_piece_and_filled_again(tmp_path: Path) -> None:
    disk_reserve.fill(tmp_path)
    for _ in range(3):
        before = kept(tmp_path)
        assert disk_reserve.release(tmp_path, 10 * KIB)
        assert 10 * KIB < before - kept(tmp_path) <= 24 * KIB
    assert blocks(tmp_path) == kept(tmp_path)
    disk_reserve.fill(tmp_path)
    assert kept(tmp_path) == blocks(tmp_path) == disk_reserve.BYTES


def test_the_last_piece_is_the_sidecars(tmp_path: Path) -> None:
    disk_reserve.fill(tmp_path)
    assert disk_reserve.release(tmp_path, 2 * MIB)
    assert kept(tmp_path) == disk_reserve.SIDECAR_BYTES
    assert not disk_reserve.release(tmp_path, 1)
    assert disk_reserve.release(tmp_path, MIB, leave=0)
    assert kept(tmp_path) == 0
    assert not disk_reserve.release(tmp_path, 1, leave=0)


def test_where_there_is_none(tmp_path: Path) -> None:
    assert not disk_reserve.release(tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs("root")
def test_a_full_disk_has_room_for_as_much_as_was_let_go_of(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "-o", "size=9m") as disk:
        disk_reserve.fill(disk)
        with disks.filled(disk):
            path = disk / "important"
            with pytest.raises(OSError, match="No space left"):
                path.write_bytes(b"x" * 100 * KIB)
            assert disk_reserve.release(disk, 100 * KIB)
            path.write_bytes(b"x" * 100 * KIB)
            disk_reserve.fill(disk)  # there is no plenty now: what is left stays as it is
            assert 0 < kept(disk) < disk_reserve.BYTES


@pytest.mark.needs("root", "mkfs.btrfs")
def test_a_quota_that_refuses_to_cut_lets_go_of_all(tmp_path: Path) -> None:
    with disks.with_quota(tmp_path, 4) as disk:
        disk_reserve.fill(disk)
        with disks.filled(disk):
            with pytest.raises(OSError, match="quota"):
                (disk / "important").write_bytes(b"x")
            assert disk_reserve.release(disk, 1)
            (disk / "important").write_bytes(b"x" * 10 * KIB)
