"""What a writer makes before it can append, and how it says that it cannot."""

from __future__ import annotations

import pytest

from dubhe_sdk.errors import SpoolUnusable
from dubhe_sdk.spool.create import check_directory
from tests.dubhe_sdk.spool.helpers import make_writer, mounted


def test_a_file_in_place_of_the_directory(tmp_path):
    place = tmp_path / "spool"
    place.write_text("")
    with pytest.raises(SpoolUnusable) as caught:
        make_writer(place)
    assert str(place) in str(caught.value)
    assert "DUBHE_SPOOL_DIR" in str(caught.value)


@pytest.mark.needs("root")
def test_a_read_only_disk(tmp_path):
    with mounted(tmp_path / "disk", "-o", "ro") as disk:
        with pytest.raises(SpoolUnusable) as caught:
            make_writer(disk / "spool")
        assert "Read-only" in str(caught.value)
        assert "Mount a writable volume" in str(caught.value)


def test_the_check_leaves_nothing_behind(tmp_path):
    check_directory(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
