"""`dubhe status`: for people and for machines."""

from __future__ import annotations

import json

import pytest

from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.commands.status import main
from tests.dubhe_sdk.spool.helpers import append, flip_bit, make_writer, segments
from tests.dubhe_sidecar.helpers import record, reject
from tests.support.waiting import wait_for


@pytest.fixture
def filled(harness):
    """A spool with two records of a living writer, and a dead letter."""
    writer = make_writer(harness.spool)
    assert writer.append(Kind.RESULT, b'{"a":1}', 1_700_000_000_000)
    append(writer, b'{"b":2}')
    reject(harness.spool, record(1), "too large: 9 bytes")
    yield writer
    writer.close()


def test_undelivered_records_as_text(harness, filled, capsys):
    assert main([str(harness.spool)]) == 1
    text = capsys.readouterr().out
    lines = dict(line.split(None, 1) for line in text.split("\n\n")[0].splitlines())
    assert lines["spool"] == str(harness.spool)
    assert lines["sidecar"] == "not running"
    assert lines["undelivered"].startswith("2 (102 B), oldest ")
    assert lines["delivered"] == "0"
    assert "too large: 9 bytes" in text
    assert f"{filled.stream}  pid" in text
    assert "being written  2 undelivered" in text


def test_undelivered_records_as_json(harness, filled, capsys):
    assert main([str(harness.spool), "--json"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["undelivered"] == 2
    assert told["dead_letters"] == 1
    assert told["streams"][0]["stream"] == filled.stream
    assert set(told) == {
        *("spool", "sidecar", "sink", "streams", "undelivered", "undelivered_bytes"),
        *("oldest_age_seconds", "delivered", "dropped", "dead_letters", "damaged_bytes"),
        *("unreadable", "last_error", "retries", "launches", "delivered_bytes", "damaged_places"),
        "services",
        "missing",
        "last_error_code",
        "abandoned",
        "dead_letters_discarded",
        "warnings",
        "warning_codes",
    }


def test_the_real_command_before_and_after_delivery(harness, filled):
    before = harness.dubhe("status")
    assert before.returncode == 1, before.stderr
    harness.start()
    wait_for(lambda: harness.dubhe("status").returncode == 0, "delivery")
    after = harness.dubhe("status", "--json")
    told = json.loads(after.stdout)
    assert (told["delivered"], told["undelivered"], told["sidecar"]) == (2, 0, "running")
    assert told["sink"] == f"journal {harness.journal}"
    text = harness.dubhe("status", str(harness.spool)).stdout
    assert "sidecar       running" in text
    assert "last error    none" in text


def test_no_spool(tmp_path, capsys):
    assert main([str(tmp_path / "nothing")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert str(tmp_path / "nothing") in captured.err


def test_a_file_is_no_spool(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main([str(tmp_path / "file")]) == 2
    assert "is not a spool directory" in capsys.readouterr().err


def test_a_cursor_that_cannot_be_read(tmp_path, capsys):
    (tmp_path / "cursor.json").write_text("{")
    assert main([str(tmp_path)]) == 2
    assert "cursor.json" in capsys.readouterr().err


def test_an_unreadable_stream_is_not_delivered(tmp_path, capsys):
    writer = make_writer(tmp_path)
    append(writer, 1)
    writer.close()
    flip_bit(segments(tmp_path)[0], 30)
    assert main([str(tmp_path)]) == 1
    assert "unreadable" in capsys.readouterr().out


def test_wrong_usage_and_help(harness):
    assert harness.dubhe("status", "--what").returncode == 2
    done = harness.dubhe("status", "--help")
    assert done.returncode == 0
    assert "Exit status" in done.stdout
