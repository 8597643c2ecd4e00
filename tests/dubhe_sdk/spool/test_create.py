"""What a writer makes before it can append, and how it says that it cannot."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from dubhe_sdk.errors import SpoolUnusable
from dubhe_sdk.process.command import dubhe_command
from dubhe_sdk.process.volume import volume_of
from dubhe_sdk.spool.create import check_directory
from tests.dubhe_sdk.spool.helpers import ROOT, make_writer, mounted
from tests.support.environ import clean_environ


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


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errno.ENOLCK, "flock: No locks available"),
        (errno.EOPNOTSUPP, "flock: Operation not supported"),
        (0, "flock: a lock keeps nobody out"),
    ],
)
@pytest.mark.parametrize("command", [("sidecar",), ("launch", "--", "touch", "started")])
def test_a_volume_without_locks_is_found_at_the_start(tmp_path, command, error, words):
    spool = tmp_path / "spool"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.support.no_flock", str(error)),
            *(*dubhe_command(), *command),
        ],
        cwd=ROOT,
        env=clean_environ(DUBHE_TEMPORARY=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert words in done.stderr
    volume = volume_of(tmp_path)
    assert f"the spool directory {spool} lies on a volume without file locks" in done.stderr
    assert f"): {volume}. Mount" in done.stderr
    assert "DUBHE_SPOOL_DIR" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(spool.iterdir()) == []
