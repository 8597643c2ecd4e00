"""`dubhe sidecar`: what it refuses to start with."""

from __future__ import annotations

import shutil

import pytest

from tests.dubhe_sdk.spool.helpers import make_writer
from tests.dubhe_sidecar.helpers import append_number


def test_a_spool_that_cannot_be_used(harness):
    shutil.rmtree(harness.spool)
    harness.spool.write_text("a file in its place")
    done = harness.dubhe("sidecar")
    assert done.returncode == 2
    assert str(harness.spool) in done.stderr


@pytest.mark.parametrize(
    "env", [{"BOOTSTRAP_SERVERS": "kafka:port"}, {"DUBHE_DRAIN_TIMEOUT_SECONDS": "soon"}]
)
def test_a_malformed_environment(harness, env):
    done = harness.dubhe("sidecar", **env)
    assert done.returncode == 2
    assert next(iter(env)) in done.stderr


def test_a_cursor_that_cannot_be_read_delivers_nothing(harness):
    (harness.spool / "cursor.json").write_text("{")
    writer = make_writer(harness.spool)
    append_number(writer, 1)
    done = harness.dubhe("sidecar", "--drain")
    assert done.returncode == 1
    assert "cursor.json" in done.stderr
    assert "Traceback" not in done.stderr
    assert harness.values == []


def test_a_journal_that_cannot_be_written(harness):
    harness.journal.write_text("a file in its place")
    done = harness.dubhe("sidecar", "--drain")
    assert done.returncode == 1
    assert str(harness.journal) in done.stderr
    assert "Traceback" not in done.stderr
