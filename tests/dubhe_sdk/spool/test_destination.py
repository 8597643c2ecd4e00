"""Where a stream is to go: what a writer notes, and whom it fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubhe_sdk.environment import LAUNCH_VARIABLE, read_settings
from dubhe_sdk.process.state_file import StateFile
from dubhe_sdk.reporting.reporter import Reporter
from dubhe_sdk.spool.destination import (
    JOURNAL,
    KAFKA,
    Destination,
    cluster_of_launch,
    destination_of,
    living_launches,
)
from dubhe_sdk.spool.frame import Kind
from dubhe_sdk.spool.merge import SpooledFrame
from tests.dubhe_sdk.spool.helpers import INSTANCE_ID, read_spool


@pytest.mark.parametrize(
    ("sidecar", "stream", "takes"),
    [
        (Destination(JOURNAL), Destination(JOURNAL), True),
        (Destination(JOURNAL), Destination(KAFKA), False),
        (Destination(KAFKA, "a"), Destination(JOURNAL), False),
        (Destination(KAFKA, "a"), Destination(KAFKA, "a"), True),
        (Destination(KAFKA, "a"), Destination(KAFKA, "b"), False),
        (Destination(KAFKA, "a"), Destination(KAFKA), True),
        (Destination(KAFKA), Destination(KAFKA, "b"), True),
        (Destination(JOURNAL), Destination(), True),
        (Destination(KAFKA, "a"), Destination(), True),
    ],
)
def test_whom_a_stream_fits(sidecar: Destination, stream: Destination, takes: bool) -> None:
    assert sidecar.takes(stream) == takes


def test_as_text_and_as_key() -> None:
    assert [str(Destination(*one)) for one in ((JOURNAL,), (KAFKA,), (KAFKA, "a"), ())] == [
        "the embedded journal",
        "Kafka",
        "the Kafka cluster a",
        "any destination",
    ]
    assert [Destination(*one).key for one in ((JOURNAL,), (KAFKA,), (KAFKA, "a"))] == [
        "journal",
        "kafka",
        "kafka a",
    ]


def reported(folder: Path, **env: str) -> list[SpooledFrame]:
    """Report one message in that environment; return it as it lies in the spool."""
    reporter = Reporter(read_settings({"DUBHE_TEMPORARY": str(folder), **env}), INSTANCE_ID)
    reporter.progress({"progress": 0.5})
    reporter.writer.close()
    return read_spool(folder / "spool")


@pytest.mark.parametrize(
    ("brokers", "destination"), [("", JOURNAL), ("10.0.0.5:9092,10.0.0.6:9092", KAFKA)]
)
def test_a_writer_notes_the_kind_and_no_address(
    tmp_path: Path, brokers: str, destination: str
) -> None:
    (frame,) = reported(tmp_path, BOOTSTRAP_SERVERS=brokers)
    assert destination_of(frame.description) == Destination(destination)
    (path,) = (tmp_path / "spool").glob("*.seg")
    assert b"10.0.0" not in path.read_bytes()


def test_a_writer_notes_the_cluster_that_its_own_sidecar_has_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LAUNCH_VARIABLE, "launch-1")
    spool = tmp_path / "spool"
    sidecars = {}
    for launch, cluster in (("launch-1", ""), ("launch-2", "other"), ("", "by-hand")):
        sidecars[launch] = StateFile(spool, "sidecar")
        sidecars[launch].update(launch=launch, cluster=cluster)
    env = {"DUBHE_TEMPORARY": str(tmp_path), "BOOTSTRAP_SERVERS": "10.0.0.5"}
    reporter = Reporter(read_settings(env), INSTANCE_ID)

    def noted() -> str:
        """Begin a stream; return the cluster in its header."""
        reporter.report(Kind.READY, 0, {})
        stream = reporter.writer.stream
        reporter.writer.close()
        (found,) = [one for one in read_spool(spool) if one.stream == stream]
        assert found.description.launch == "launch-1"
        return found.description.cluster

    assert noted() == ""
    sidecars["launch-1"].update(launch="launch-1", cluster="ours")
    assert noted() == "ours"
    sidecars["launch-1"].close()
    assert noted() == "", "nobody can say where it goes now"
    for sidecar in sidecars.values():
        sidecar.close()


def test_what_nobody_has_written_is_unknown(tmp_path: Path) -> None:
    assert cluster_of_launch(tmp_path, "launch-1") == ""
    assert living_launches(tmp_path) == frozenset()


def test_a_launch_lives_as_long_as_its_state_file(tmp_path: Path) -> None:
    state = StateFile(tmp_path, "launch")
    state.update(sidecar={})
    assert living_launches(tmp_path) == frozenset()
    state.update(sidecar={}, launch="launch-1")
    assert living_launches(tmp_path) == {"launch-1"}
    state.close()
    assert living_launches(tmp_path) == frozenset()
