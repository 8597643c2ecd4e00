"""Instances with different destinations on one spool: each message goes where it was meant to go.

Two instances share a spool by the default folder alone. A volume on which one container follows the
other is shared too, over time.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from zlib import crc32

import pytest

from dubhe_sdk.process.command import dubhe_command
from dubhe_sdk.spool.destination import KAFKA
from dubhe_sdk.spool.segment import MAGIC, PREFIX, Description, read_description
from dubhe_sdk.spool.writer import SpoolWriter
from tests.delivery.conftest import RESULT, STATUS, TRAINING, Delivered
from tests.dubhe_sdk.service.harness import APP_COMMAND, TRAIN_ID, App
from tests.dubhe_sdk.spool.helpers import first_offset, make_writer, segments
from tests.dubhe_sidecar.helpers import SidecarHarness, append_number
from tests.kafka.broker import CLUSTER_ID, Broker
from tests.kafka.fixtures import BrokerFactory
from tests.kafka.reader import read_topic
from tests.support.waiting import wait_for

pytestmark = pytest.mark.slow

OTHER_CLUSTER = "dubhe-other-cluster-00"
NEW_MEMBERS = ("destination", "cluster", "launch")
BY_HAND = "manual-by-train-hand-1"
COUNT = 60
WELL = ["READY 200", "START 200", "END 200"]
Start = Callable[..., App]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an instance on the folder that all of them share."""
    with ExitStack() as stack:

        def begin(
            name: str,
            bootstrap: str = "",
            instance_id: str = TRAIN_ID,
            command: Sequence[str] = APP_COMMAND,
        ) -> App:
            env = {"BOOTSTRAP_SERVERS": bootstrap}
            app = App(tmp_path / name, TRAINING, instance_id, "tcp", env)
            app.temporary = tmp_path / "temporary"
            app.write("pace", "0.01")
            return stack.enter_context(app).start(command, until=None)

        yield begin


def train(app: App) -> None:
    def accepted() -> bool:
        try:
            return app.train(algorithm_id=COUNT)["flag"] == 1
        except OSError:
            return False

    wait_for(accepted, lambda: f"readiness\n{app.console}")


def by_hand(app: App) -> list[str]:
    """Check that the journal holds one instance alone; return what it says in short."""
    assert {message["key"] for message in app.messages} <= {app.instance_id}
    identities = [(m["headers"]["dubhe-writer"], m["headers"]["dubhe-seq"]) for m in app.messages]
    assert len(set(identities)) == len(identities)
    return app.reported


def complete(delivered: Delivered) -> bool:
    if delivered.actions != WELL:
        return False
    assert delivered.indices == list(range(COUNT))
    assert delivered.repeated == []
    return True


def descriptions(spool: Path) -> list[Description]:
    """Return what the headers of all segments say."""
    found = []
    for path in segments(spool):
        with path.open("rb") as file:
            found.append(read_description(file.fileno())[0])
    return found


def created(broker: Broker) -> Broker:
    for topic in (STATUS, RESULT):
        broker.create_topic(topic)
    return broker


def end_well(*apps: App) -> None:
    for app in apps:
        app.terminate()
        assert app.wait() == 0, app.console


@pytest.mark.parametrize("first", ["journal", "kafka"])
def test_one_by_hand_and_one_with_kafka(
    make_broker: BrokerFactory, start: Start, first: str
) -> None:
    broker = created(make_broker().start())

    def journal() -> App:
        app = start("by-hand", instance_id=BY_HAND)
        app.wait_reported("READY")
        return app

    def kafka() -> App:
        app = start("platform", broker.bootstrap)
        wait_for(lambda: Delivered(broker.bootstrap).actions, lambda: app.console)
        return app

    if first == "journal":
        hand, platform = journal(), kafka()
    else:
        platform = kafka()
        hand = journal()
    train(hand)
    train(platform)
    wait_for(lambda: complete(Delivered(broker.bootstrap)), lambda: platform.console)
    hand.wait_reported("END 200")
    end_well(platform, hand)
    assert by_hand(hand).count("progress") == COUNT
    assert "leaves them there" not in hand.console + platform.console


def test_the_journal_does_not_wait_for_a_broker_that_is_away(
    make_broker: BrokerFactory, start: Start
) -> None:
    # Otherwise the application's request for a topic may create it, as soon as the broker is there.
    broker = make_broker({"auto.create.topics.enable": "false"})
    platform = start("platform", broker.bootstrap)
    wait_for(lambda: "not delivering, waiting" in platform.console, lambda: platform.console)
    train(platform)
    hand = start("by-hand", instance_id=BY_HAND)
    hand.wait_reported("READY")
    train(hand)
    hand.wait_reported("END 200")
    end_well(hand)
    assert by_hand(hand).count("progress") == COUNT
    created(broker.start())
    wait_for(lambda: complete(Delivered(broker.bootstrap)), lambda: platform.console)
    end_well(platform)


def test_two_clusters(make_broker: BrokerFactory, start: Start) -> None:
    brokers = [created(make_broker().start())]
    brokers.append(created(make_broker(cluster_id=OTHER_CLUSTER).start()))
    apps = [start(f"app-{n}", one.bootstrap) for n, one in enumerate(brokers)]
    for app in apps:
        train(app)
    for one in brokers:
        wait_for(lambda one=one: complete(Delivered(one.bootstrap)), lambda: apps[0].console)
    end_well(*apps)


def test_a_sidecar_that_is_killed_between_two_turns_repeats_nothing(
    make_broker: BrokerFactory, start: Start
) -> None:
    broker = created(make_broker().start())
    hand = start("by-hand", instance_id=BY_HAND)
    platform = start("platform", broker.bootstrap)
    train(hand)
    train(platform)
    for turn in range(4):
        before = len(Delivered(broker.bootstrap).indices)
        wait_for(
            lambda n=before: (
                len(Delivered(broker.bootstrap).indices) > n
                or complete(Delivered(broker.bootstrap))
            ),
            lambda: platform.console,
        )
        for pid in (platform if turn % 2 else hand).pids_of("sidecar"):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: complete(Delivered(broker.bootstrap)), lambda: platform.console)
    hand.wait_reported("END 200")
    end_well(platform, hand)
    assert by_hand(hand).count("progress") == COUNT


def test_a_segment_names_the_cluster_as_soon_as_it_is_known(
    make_broker: BrokerFactory, start: Start
) -> None:
    broker = created(make_broker().start())
    app = start("platform", broker.bootstrap)
    wait_for(lambda: Delivered(broker.bootstrap).actions, lambda: app.console)
    broker.stop()
    train(app)
    wait_for(lambda: "END 200" in app.log, lambda: app.console)
    spool = app.temporary / "spool"
    model = [d for d in descriptions(spool) if d.pid == app.pid_of("model")]
    assert {(d.destination, d.cluster) for d in model} == {("kafka", CLUSTER_ID)}
    assert not any(broker.bootstrap.encode() in path.read_bytes() for path in segments(spool))
    broker.start()
    wait_for(lambda: complete(Delivered(broker.bootstrap)), lambda: app.console)
    end_well(app)


def test_brokers_that_only_run_sh_names_are_told(start: Start, tmp_path: Path) -> None:
    run = "export BOOTSTRAP_SERVERS=127.0.0.1:1; exec python3 -u app.py"
    app = start("app", command=(*dubhe_command(), "launch", "--", "bash", "-c", run))
    wait_for(lambda: "They are of this very container" in app.console, lambda: app.console)
    end_well(app)
    assert app.messages == []


# --- what a container has left on a volume ----------------------------------------------------


def written(harness: SidecarHarness, numbers: range, topic: str, **more: str) -> SpoolWriter:
    """Report numbers for Kafka."""
    writer = make_writer(
        harness.spool, topic_status=topic, topic_result=topic, destination=KAFKA, **more
    )
    for number in numbers:
        append_number(writer, number)
    return writer


def numbers_in(broker: Broker, topic: str) -> list[int]:
    return [int(message.value or b"-1") for message in read_topic(broker.bootstrap, topic)]


def test_the_next_container_knows_the_cluster_by_another_address(
    make_broker: BrokerFactory, harness: SidecarHarness
) -> None:
    broker = created(make_broker(listeners={"MOVED": "PLAINTEXT"}).start())
    writer = written(harness, range(100), STATUS)
    first = harness.start(env={"BOOTSTRAP_SERVERS": broker.bootstrap})
    wait_for(lambda: len(numbers_in(broker, STATUS)) == 100, lambda: harness.log_text)
    first.kill()
    first.wait()
    for number in range(100, 200):
        append_number(writer, number)
    writer.close()
    moved = harness.start("--drain", env={"BOOTSTRAP_SERVERS": broker.at("MOVED")})
    assert moved.wait(60) == 0, harness.log_text
    assert numbers_in(broker, STATUS) == list(range(200))


def test_another_cluster_gets_the_rest_only_if_it_is_told_to(
    make_broker: BrokerFactory, harness: SidecarHarness
) -> None:
    one = created(make_broker().start())
    other = created(make_broker(cluster_id=OTHER_CLUSTER).start())
    env = {"BOOTSTRAP_SERVERS": other.bootstrap}
    writer = written(harness, range(10), STATUS)
    assert harness.start("--drain", env={"BOOTSTRAP_SERVERS": one.bootstrap}).wait(60) == 0
    for number in range(10, 20):
        append_number(writer, number)
    writer.close()
    assert harness.start("--drain", env=env).wait(60) == 3, harness.log_text
    text = (
        f"the spool {harness.spool} holds records for the Kafka cluster {CLUSTER_ID} (1 stream); "
        f"this sidecar delivers to the Kafka cluster {OTHER_CLUSTER} and leaves them there."
    )
    assert text in harness.log_text
    assert "`dubhe sidecar --drain --any-destination`" in harness.log_text
    sidecar = harness.start(env=env)
    fresh = written(harness, range(100, 103), STATUS, cluster=OTHER_CLUSTER)
    wait_for(lambda: text in harness.dubhe("status", **env).stdout, lambda: harness.log_text)
    status = harness.dubhe("status", **env)
    assert status.returncode == 1
    assert f"for kafka {CLUSTER_ID}" in status.stdout
    assert f"not for this sidecar: {text}" in harness.dubhe("health", **env).stdout
    wait_for(lambda: numbers_in(other, STATUS) == [100, 101, 102], lambda: harness.log_text)
    fresh.close()
    sidecar.terminate()
    assert sidecar.wait(60) == 3
    assert harness.start("--drain", "--any-destination", env=env).wait(60) == 0, harness.log_text
    assert numbers_in(one, STATUS) == list(range(10))
    assert numbers_in(other, STATUS) == [100, 101, 102, *range(10, 20)]
    assert harness.dubhe("status").returncode == 0


def test_a_container_by_hand_leaves_alone_what_is_for_kafka(
    make_broker: BrokerFactory, harness: SidecarHarness
) -> None:
    broker = created(make_broker().start())
    written(harness, range(10), STATUS).close()
    for command in (("sidecar", "--drain"), ("launch", "--", "true")):
        done = harness.dubhe(*command)
        assert done.returncode == (3 if "--drain" in command else 0)
        assert "holds records for Kafka (1 stream)" in done.stderr
        assert "this sidecar delivers to the embedded journal and leaves them" in done.stderr
    assert harness.values == []
    drained = harness.start("--drain", env={"BOOTSTRAP_SERVERS": broker.bootstrap})
    assert drained.wait(60) == 0, harness.log_text
    assert numbers_in(broker, STATUS) == list(range(10))


def test_records_of_an_earlier_version_go_to_whoever_delivers(harness: SidecarHarness) -> None:
    """Its segments do not say where they are for, and its cursor has no id of a cluster."""
    writer = make_writer(harness.spool)
    append_number(writer, 1)
    writer.close()
    (path,) = segments(harness.spool)
    raw = path.read_bytes()
    text = json.loads(raw[PREFIX.size : first_offset(path)])
    old = json.dumps({k: v for k, v in text.items() if k not in NEW_MEMBERS}).encode()
    prefix = PREFIX.pack(MAGIC, bytes(8), len(old), crc32(old))
    path.write_bytes(prefix + old + raw[first_offset(path) :])
    cursor = {"version": 1, "streams": {}, "sink": {"base": 0, "size": 0}, "totals": {}}
    cursor["sink_name"] = f"journal {harness.journal}"
    (harness.spool / "cursor.json").write_text(json.dumps(cursor))
    harness.drain()
    assert harness.values == [1]
