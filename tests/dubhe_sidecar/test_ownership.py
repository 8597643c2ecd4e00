"""Which streams a sidecar delivers, whom it leaves the others to, and what it says about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from dubhe_sdk.process.state_file import StateFile
from dubhe_sdk.spool import segment
from dubhe_sdk.spool.destination import JOURNAL, KAFKA, LAUNCH_ROLE, SIDECAR_ROLE, Destination
from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar import cursor as cursors
from dubhe_sidecar import ownership
from dubhe_sidecar.cursor import Cursor, StreamCursor
from dubhe_sidecar.drain import Drain
from dubhe_sidecar.ownership import Ownership, announce
from tests.dubhe_sdk.spool.helpers import append, make_writer
from tests.dubhe_sidecar.drain_helpers import put, run
from tests.dubhe_sidecar.helpers import FakeSink, Topic

A, B = Destination(KAFKA, "a"), Destination(KAFKA, "b")
OURS, JOURNALS = Destination(KAFKA), Destination(JOURNAL)


@pytest.fixture(autouse=True)
def always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "_LOOK_AGAIN_SECONDS", 0.0)


@pytest.fixture
def states() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def launch(directory: Path, states: ExitStack, name: str) -> StateFile:
    file = StateFile(directory, LAUNCH_ROLE)
    states.callback(file.close)
    file.update(launch=name)
    return file


def waiting(
    directory: Path, states: ExitStack, whose: Destination, name: str = "", **facts: bool
) -> None:
    file = StateFile(directory, SIDECAR_ROLE)
    states.callback(file.close)
    announce(file, whose, name, **{"waiting": True, "everything": False, **facts})


def of(
    directory: Path,
    destination: Destination,
    cursor: Cursor | None = None,
    name: str = "",
    *,
    everything: bool = False,
) -> Ownership:
    return Ownership(
        directory, cursor or Cursor(), lambda: destination, name, everything=everything
    )


def fill(directory: Path) -> None:
    """A stream for each destination."""
    for stream, more in (
        ("any", {}),
        ("journal", {"destination": JOURNAL}),
        ("unknown", {"destination": KAFKA}),
        ("a", {"destination": KAFKA, "cluster": "a"}),
        ("b", {"destination": KAFKA, "cluster": "b"}),
    ):
        put(directory, stream, 1, [Kind.RESULT], **more)


@pytest.mark.parametrize(
    ("destination", "mine"),
    [
        (JOURNALS, {"any", "journal"}),
        (A, {"any", "unknown", "a"}),
        (OURS, {"any", "unknown", "a", "b"}),
    ],
)
def test_each_takes_its_own(tmp_path: Path, destination: Destination, mine: set[str]) -> None:
    fill(tmp_path)
    every = {"any", "journal", "unknown", "a", "b"}
    assert of(tmp_path, destination).pending(mine=True).keys() == mine
    assert of(tmp_path, destination).pending(mine=False).keys() == every - mine
    assert of(tmp_path, destination, everything=True).pending(mine=False) == {}
    assert of(tmp_path, destination, everything=True).pending(mine=True).keys() == every


def test_the_cluster_that_has_begun_to_get_a_stream_gets_the_rest(tmp_path: Path) -> None:
    put(tmp_path, "s", 1, [Kind.RESULT], destination=KAFKA)
    cursor = Cursor({"s": StreamCursor(1, 0, cluster="a")})
    assert of(tmp_path, A, cursor).pending(mine=True).keys() == {"s"}
    assert of(tmp_path, B, cursor).pending(mine=True) == {}


def test_a_stream_without_a_cluster_belongs_to_its_own_launch_while_that_lives(
    tmp_path: Path, states: ExitStack
) -> None:
    put(tmp_path, "s", 1, [Kind.RESULT], destination=KAFKA, launch="launch-1")
    file = launch(tmp_path, states, "launch-1")
    assert of(tmp_path, A, name="launch-1").pending(mine=True).keys() == {"s"}
    for name in ("launch-2", ""):
        other = of(tmp_path, A, name=name)
        assert other.pending(mine=True) == {}
        assert other.describe_abandoned(other.pending(mine=False)) is None
    file.close()
    assert of(tmp_path, A, name="launch-2").pending(mine=True).keys() == {"s"}


def test_what_is_delivered_is_not_pending(tmp_path: Path) -> None:
    path = put(tmp_path, "s", 1, [Kind.START, Kind.PROGRESS], destination=KAFKA)
    end = path.stat().st_size
    cursor = Cursor({"s": StreamCursor(1, end - 1)})
    own = of(tmp_path, A, cursor)
    assert own.pending(mine=True).keys() == {"s"}
    cursor.streams["s"].offset = end
    assert own.pending(mine=True) == {}
    cursor.streams["s"].task_open = True
    assert own.pending(mine=True).keys() == {"s"}, "its writer is dead: an END is to be added"
    cursor.streams["s"].finished = True
    assert own.pending(mine=True) == {}
    put(tmp_path, "s", 2, [Kind.END], seq=3, destination=KAFKA)
    cursor.streams["s"] = StreamCursor(1, end)
    assert own.pending(mine=True).keys() == {"s"}


def test_a_task_that_runs_is_not_pending(tmp_path: Path) -> None:
    writer = make_writer(tmp_path, destination=KAFKA)
    append(writer, b"{}", Kind.START)
    (path,) = tmp_path.glob("*.seg")
    entry = StreamCursor(1, path.stat().st_size, task_open=True)
    assert of(tmp_path, A, Cursor({writer.stream: entry})).pending(mine=True) == {}
    writer.close()


def test_a_stream_that_cannot_be_read_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / segment.file_name("s", 1)).write_bytes(b"not a segment")
    own = of(tmp_path, A)
    assert own.pending(mine=True) == own.pending(mine=False) == {}
    assert own.may_be_mine("s", [1])


def test_who_waits_for_the_streams_of_others(tmp_path: Path, states: ExitStack) -> None:
    fill(tmp_path)
    own = of(tmp_path, JOURNALS)
    others = own.pending(mine=False)
    assert not own.someone_waits_for(others)
    waiting(tmp_path, states, A, waiting=False)
    waiting(tmp_path, states, JOURNALS)
    assert not own.someone_waits_for(others)
    waiting(tmp_path, states, B)
    assert own.someone_waits_for(others)
    assert not own.someone_waits_for({"a": others["a"]})
    waiting(tmp_path, states, JOURNALS, everything=True)
    assert own.someone_waits_for({"a": others["a"]})


def test_what_is_said_about_streams_that_nobody_delivers(tmp_path: Path, states: ExitStack) -> None:
    fill(tmp_path)
    put(tmp_path, "b-2", 1, [Kind.RESULT], destination=KAFKA, cluster="b")
    own = of(tmp_path, JOURNALS)
    others = own.pending(mine=False)
    assert own.describe_abandoned(others) == (
        f"the spool {tmp_path} holds records for Kafka (1 stream), the Kafka cluster a (1 stream), "
        "the Kafka cluster b (2 streams); this sidecar delivers to the embedded journal and leaves "
        "them there. They are delivered when a container with that destination runs on this "
        "spool. To deliver them to the embedded journal instead, run `dubhe sidecar --drain "
        "--any-destination` with this environment"
    )
    waiting(tmp_path, states, A)
    assert "for the Kafka cluster b (2 streams); this" in (own.describe_abandoned(others) or "")
    assert own.describe_abandoned({"a": others["a"]}) is None


def test_brokers_that_only_run_sh_names(tmp_path: Path, states: ExitStack) -> None:
    """Then the service reports for Kafka, and the sidecar above it does not know of any."""
    launch(tmp_path, states, "launch-1")
    put(tmp_path, "s", 1, [Kind.RESULT], destination=KAFKA, launch="launch-1")
    own = of(tmp_path, JOURNALS, name="launch-1")
    text = own.describe_abandoned(own.pending(mine=False)) or ""
    assert "They are of this very container: BOOTSTRAP_SERVERS is not the same" in text


class Kafka(FakeSink):
    """A cluster whose id is known once it is connected."""

    def __init__(self, topic: Topic, destination: Destination) -> None:
        super().__init__(topic)
        self.found, self.destination = destination, Destination(destination.kind)

    def connect(self) -> None:
        self.destination = self.found


def deliver(directory: Path, topic: Topic, destination: Destination) -> Drain:
    drain = Drain(directory, Kafka(topic, destination))
    drain.open()
    while drain.step():
        pass
    drain.close()
    return drain


def test_each_destination_gets_its_own_and_keeps_its_state(tmp_path: Path) -> None:
    topics = {one: Topic() for one in (A, B, JOURNALS)}
    for turn in (1, 2):
        for stream, one in (("a", A), ("b", B), ("j", JOURNALS)):
            kind, cluster = one.kind, one.cluster
            put(
                *(tmp_path, f"{stream}-{turn}", 1, [Kind.RESULT] * turn),
                destination=kind,
                cluster=cluster,
            )
        for one, topic in topics.items():
            drain = deliver(tmp_path, topic, one)
            assert drain.cursor.sinks[one.key] == {"offset": len(topic.records)}
    for prefix, one in (("a", A), ("b", B), ("j", JOURNALS)):
        assert topics[one].identities == [
            (f"{prefix}-1", 1),
            (f"{prefix}-2", 1),
            (f"{prefix}-2", 2),
        ]


def test_a_task_whose_stream_was_lost_gets_its_end_where_its_start_went(tmp_path: Path) -> None:
    kafka, journal = Topic(), Topic()
    writer = make_writer(tmp_path, destination=KAFKA)
    append(writer, b"{}", Kind.START)
    deliver(tmp_path, kafka, A)
    writer.close()
    for path in tmp_path.glob("*.seg"):
        path.unlink()
    for topic, one in ((journal, JOURNALS), (kafka, B), (kafka, A), (kafka, A)):
        deliver(tmp_path, topic, one)
        assert [record.kind for record in journal.records] == []
        assert len(kafka.records) == (2 if one == A else 1)
    assert [record.kind for record in kafka.records] == [Kind.START, Kind.END]


def test_the_state_of_a_version_that_knew_no_cluster_is_taken_over(tmp_path: Path) -> None:
    topic = Topic()
    put(tmp_path, "s", 1, [Kind.RESULT])
    run(tmp_path, topic)
    cursor = cursors.load(tmp_path)
    cursor.sinks = {KAFKA: {"offset": 1}}
    cursor.save(tmp_path)
    assert deliver(tmp_path, topic, A).cursor.sinks == {A.key: {"offset": 1}}
