"""The cursor: whole after any crash, also on a full disk."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubhe_sidecar import cursor as cursors
from dubhe_sidecar.cursor import Cursor, StreamCursor, Totals
from dubhe_sidecar.sinks.base import SinkError
from tests.dubhe_sdk.spool.helpers import KIB, mounted

COUNT = st.integers(0, 2**63)
CURSORS = st.builds(
    Cursor,
    streams=st.dictionaries(
        st.text(max_size=20),
        st.builds(StreamCursor, COUNT, COUNT, COUNT, st.booleans(), st.booleans()),
        max_size=5,
    ),
    sinks=st.dictionaries(
        st.text(max_size=9),
        st.dictionaries(st.text(max_size=9), COUNT | st.text(max_size=9), max_size=3),
        max_size=3,
    ),
    sink_name=st.text(max_size=20),
    totals=st.builds(Totals, COUNT, COUNT, COUNT, COUNT, COUNT),
)


@settings(deadline=None)  # the disk's time, not ours
@given(CURSORS, CURSORS, CURSORS)
def test_comes_back_as_it_was(tmp_path_factory, first, second, third):
    directory = tmp_path_factory.mktemp("spool")
    for one in (first, second, third):
        one.save(directory)
        assert cursors.load(directory) == one


def test_a_spool_without_one_begins_at_the_begin(tmp_path):
    assert cursors.load(tmp_path) == Cursor()


@pytest.mark.parametrize(
    ("sink", "name", "sinks"),
    [
        ({"base": 0, "size": 9}, "journal /temporary/journal", {"journal": {"base": 0, "size": 9}}),
        ({"topics": {}}, "kafka 10.0.0.5:9092", {"kafka": {"topics": {}}}),
        (None, "", {}),
    ],
)
def test_one_of_the_first_version_is_read(tmp_path, sink, name, sinks):
    stream = {"segment": 2, "offset": 3, "seq": 4, "task_open": False, "finished": False}
    streams = {"s": {**stream, "description": None}}
    old = {"version": 1, "streams": streams, "sink": sink, "sink_name": name, "totals": {}}
    (tmp_path / cursors.NAME).write_text(json.dumps(old))
    cursor = cursors.load(tmp_path)
    assert cursor == Cursor({"s": StreamCursor(2, 3, 4)}, sinks, name, Totals())


def many_streams(count: int) -> Cursor:
    return Cursor({f"stream-{n}": StreamCursor(n, n, n) for n in range(count)})


def test_becomes_smaller_again(tmp_path):
    many_streams(3000).save(tmp_path)
    many_streams(1).save(tmp_path)
    many_streams(2).save(tmp_path)
    assert cursors.load(tmp_path) == many_streams(2)
    assert (tmp_path / cursors.NAME).stat().st_size < 20 * KIB


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"version": 1}', '{"version": 2, "streams": {}}', "\0" * 100],
)
def test_one_that_cannot_be_understood_is_not_guessed_at(tmp_path, content):
    (tmp_path / cursors.NAME).write_text(content)
    with pytest.raises(SinkError) as caught:
        cursors.load(tmp_path)
    assert str(tmp_path / cursors.NAME) in str(caught.value)
    assert "delete it" in str(caught.value)


class Crash(BaseException):
    pass


def test_a_crash_at_any_step_leaves_the_old_or_the_new_one(tmp_path, monkeypatch):
    """Every call that changes the disk is one that may be the last."""
    steps, last = 0, -1

    def count(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def call(*args, **kwargs):
            nonlocal steps
            steps += 1
            if steps == last:
                raise Crash
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    for name in ("open", "write", "ftruncate", "fsync"):
        count(os, name)
    for name in ("rename", "hardlink_to", "unlink"):
        count(Path, name)
    many_streams(1).save(tmp_path)
    many_streams(2).save(tmp_path)
    steps = 0
    many_streams(3).save(tmp_path)
    assert steps >= 7
    before = 3
    for last in range(1, steps + 1):
        after = before + 1 if last % 2 else 900 + last
        steps = 0
        with pytest.raises(Crash):
            many_streams(after).save(tmp_path)
        kept = cursors.load(tmp_path)
        assert kept in (many_streams(before), many_streams(after))
        steps = -(10**6)
        many_streams(after).save(tmp_path)
        assert cursors.load(tmp_path) == many_streams(after)
        before = after


def test_a_short_write_does_not_replace_the_old_one(tmp_path, monkeypatch):
    many_streams(1).save(tmp_path)
    real = os.write
    monkeypatch.setattr("os.write", lambda fd, data: real(fd, data[:100]))
    many_streams(500).save(tmp_path)
    assert cursors.load(tmp_path) == many_streams(500)


@pytest.mark.needs("root")
def test_a_full_disk_does_not_keep_it_from_being_written(tmp_path):
    """Otherwise nothing could be deleted, and the disk would stay full."""
    with mounted(tmp_path / "disk", "-o", "size=256k") as disk:
        many_streams(1).save(disk)
        many_streams(2).save(disk)
        with pytest.raises(OSError, match="No space left"):
            (disk / "ballast").write_bytes(b"x" * 512 * KIB)
        for count in range(3, 40):
            many_streams(count).save(disk)
            assert cursors.load(disk) == many_streams(count)
        with pytest.raises(OSError, match="No space left"):
            many_streams(3000).save(disk)
        assert cursors.load(disk) == many_streams(39)
        (disk / "ballast").unlink()
        many_streams(1500).save(disk)
        assert cursors.load(disk) == many_streams(1500)


def test_a_disk_without_hard_links(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    for count in (1, 2, 3):
        many_streams(count).save(tmp_path)
        assert cursors.load(tmp_path) == many_streams(count)
    assert os.listdir(tmp_path) == [cursors.NAME]
