from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_sdk.process.volume import volume_of
from tests.dubhe_sdk.spool.helpers import mounted


def test_a_volume_of_its_own() -> None:
    assert str(volume_of(Path("/proc/self"))) == "/proc (file system proc, from proc)"


def test_none_where_there_is_no_folder(tmp_path: Path) -> None:
    assert volume_of(tmp_path / "none") is None


@pytest.mark.needs("root")
def test_the_volume_mounted_last_and_a_blank_in_its_name(tmp_path: Path) -> None:
    with mounted(tmp_path / "a disk") as disk, mounted(disk / "inner") as inner:
        (inner / "spool").mkdir()
        for folder, point in ((disk, disk), (inner / "spool", inner)):
            volume = volume_of(folder)
            assert volume is not None
            assert (volume.mount_point, volume.type) == (str(point), "tmpfs")
