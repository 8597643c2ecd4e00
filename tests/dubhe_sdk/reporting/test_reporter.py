from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dubhe_sdk.contract import messages
from dubhe_sdk.contract.messages import MessageType, encode_value
from dubhe_sdk.environment import Settings, read_settings
from dubhe_sdk.errors import SpoolUnusable
from dubhe_sdk.reporting.reporter import Reporter
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.merge import SpooledFrame, SpoolReader

INSTANCE = "modelid1412-algorithm112345540-train-1412-4"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(
        {
            "DUBHE_TEMPORARY": str(tmp_path),
            "TOPIC_MODEL_STATUS": "status",
            "TOPIC_MODEL_RESULT": "result",
        }
    )


@pytest.fixture
def reporter(settings: Settings) -> Iterator[Reporter]:
    made = Reporter(settings, INSTANCE)
    yield made
    made.writer.close()


def frames_of(settings: Settings) -> list[SpooledFrame]:
    """Return what lies in the spool, in order."""
    reader = SpoolReader(settings.spool, {}, pytest.fail)
    frames: list[SpooledFrame] = []
    while more := reader.read():
        frames += more
    reader.close()
    return frames


def values_of(settings: Settings) -> list[dict[str, Any]]:
    """Return the messages in the spool."""
    return [json.loads(spooled.frame.value) for spooled in frames_of(settings)]


def test_a_result_that_becomes_a_text_is_warned_of_in_the_log(
    reporter: Reporter, settings: Settings
) -> None:
    class Picture:
        def __repr__(self) -> str:
            return "<Picture>"

    for _ in range(2):
        reporter.report(Kind.RESULT, MessageType.RESULT, {"image": Picture()})
    assert [value["data"] for value in values_of(settings)] == [{"image": "<Picture>"}] * 2
    assert settings.log_file.read_text("utf-8").count("a result holds a tests.") == 1


def test_a_message_has_exactly_the_keys_of_the_contract(
    reporter: Reporter, settings: Settings
) -> None:
    assert reporter.report(Kind.READY, MessageType.READY, messages.ready())
    reporter.progress({"loss": 0.5, "progress": 0.25, "epoch": 3}, 4, 29)
    assert reporter.report(Kind.RESULT, MessageType.RESULT, [{"a": float("nan")}])
    values = values_of(settings)
    keys = ["instance_id", "request_number", "date", "mes_type", "data"]
    assert [list(value) for value in values] == [keys] * 3
    assert {value["instance_id"] for value in values} == {INSTANCE}
    assert [value["mes_type"] for value in values] == [0, 2, 3]
    assert values[0]["data"] == messages.ready()
    assert values[1]["data"] == {"loss": 0.5, "progress": 0.25, "epoch": 3}
    assert values[2]["data"] == [{"a": "NaN"}]


def test_what_the_sidecar_must_know_lies_beside_it(
    reporter: Reporter, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBHE_SERVICE", "run-7")
    reporter.progress({"progress": 0.5}, 4, 29)
    (spooled,) = frames_of(settings)
    frame, description = spooled.frame, spooled.description
    assert (frame.kind, frame.batch, frame.batches) == (Kind.PROGRESS, 4, 29)
    assert frame.date_ms == json.loads(frame.value)["date"]
    assert description.instance_id == INSTANCE
    assert (description.topic_status, description.topic_result) == ("status", "result")
    assert (description.service, description.pid) == ("run-7", os.getpid())


def test_date_is_when_it_was_reported(
    reporter: Reporter, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dubhe_sdk.reporting.reporter._time_ns", lambda: 1_630_305_000_571_999_999)
    reporter.progress({"progress": 0.5})
    reporter.report(Kind.START, MessageType.TASK, {})
    assert [value["date"] for value in values_of(settings)] == [1_630_305_000_571] * 2


def test_numbers_are_positive_unique_and_below_2_63(settings: Settings) -> None:
    reporters = [Reporter(settings, INSTANCE) for _ in range(20)]
    threads = [
        threading.Thread(target=lambda one=one: [one.progress({}) for _ in range(50)])
        for one in reporters
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in reporters:
        one.writer.close()
    numbers = [value["request_number"] for value in values_of(settings)]
    assert len(set(numbers)) == len(numbers) == 2000
    assert all(0 < number < 2**63 for number in numbers)


@pytest.mark.parametrize("random", [b"\0" * 8, b"\xff" * 8])
def test_numbers_at_the_edges_of_chance(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, random: bytes
) -> None:
    monkeypatch.setattr("dubhe_sdk.reporting.reporter.os.urandom", lambda size: random[:size])
    reporter = Reporter(settings, INSTANCE)
    reporter.progress({})
    reporter.writer.close()
    (value,) = values_of(settings)
    assert 0 < value["request_number"] < 2**62 + 1


def test_a_forked_child_counts_from_a_new_number_and_writes_its_own_stream(
    reporter: Reporter, settings: Settings
) -> None:
    reporter.progress({"progress": 0.0})
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            reporter.progress({"progress": 0.5})
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    reporter.progress({"progress": 1.0})
    frames = frames_of(settings)
    assert len(frames) == 5
    assert len({spooled.stream for spooled in frames}) == 4
    assert frames[0].stream == frames[4].stream
    numbers = [json.loads(spooled.frame.value)["request_number"] for spooled in frames]
    assert len(set(numbers)) == 5


def test_an_instance_id_with_quotes_and_percents(settings: Settings) -> None:
    strange = 'a"%d-b\\-train-文'
    reporter = Reporter(settings, strange)
    reporter.progress({"100%": 1})
    reporter.writer.close()
    (value,) = values_of(settings)
    assert value["instance_id"] == strange
    assert value["data"] == {"100%": 1}


def test_a_spool_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    settings = read_settings({"DUBHE_TEMPORARY": str(tmp_path)})
    with pytest.raises(SpoolUnusable, match="DUBHE_SPOOL_DIR"):
        Reporter(settings, INSTANCE)


def test_a_full_spool_is_reported_in_the_log(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUBHE_SPOOL_MAX_BYTES", str(64 * 1024))
    reporter = Reporter(settings, INSTANCE)
    for _ in range(200):
        reporter.progress({"x" * 1000: 1})
    reporter.writer.close()
    assert len(frames_of(settings)) < 200
    assert "messages are being dropped and counted" in settings.log_file.read_text()


def test_encode_value_is_the_one_place_that_has_the_order() -> None:
    value = encode_value(b'{"instance_id":"i","request_number":', 5, 6, MessageType.TASK, b"{}")
    assert value == b'{"instance_id":"i","request_number":5,"date":6,"mes_type":1,"data":{}}'
