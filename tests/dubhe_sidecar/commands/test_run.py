"""`dubhe sidecar`: what it refuses to start with."""

from __future__ import annotations

import shutil

import pytest

from tests.dubhe_sdk.spool.helpers import make_writer
from tests.dubhe_sidecar.helpers import tell


def test_a_spool_that_cannot_be_used(place):
    shutil.rmtree(place.spool)
    place.spool.write_text("a file in its place")
    done = place.dubhe("sidecar")
    assert done.returncode == 2
    assert str(place.spool) in done.stderr


@pytest.mark.parametrize(
    "env", [{"BOOTSTRAP_SERVERS": "nonsense"}, {"DUBHE_DRAIN_TIMEOUT_SECONDS": "soon"}]
)
def test_a_malformed_environment(place, env):
    done = place.dubhe("sidecar", **env)
    assert done.returncode == 2
    assert next(iter(env)) in done.stderr


def test_a_cursor_that_cannot_be_read_delivers_nothing(place):
    (place.spool / "cursor.json").write_text("{")
    writer = make_writer(place.spool)
    tell(writer, 1)
    done = place.dubhe("sidecar", "--drain")
    assert done.returncode == 1
    assert "cursor.json" in done.stderr
    assert "Traceback" not in done.stderr
    assert place.values == []


def test_a_journal_that_cannot_be_written(place):
    place.journal.write_text("a file in its place")
    done = place.dubhe("sidecar", "--drain")
    assert done.returncode == 1
    assert str(place.journal) in done.stderr
    assert "Traceback" not in done.stderr
