"""Delivery to brokers of each release that platforms run: once, in order, with what belongs to it.

One broker for each release, started and ended in turn: at most one JVM (with ZooKeeper two) more
than the other tests have.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation

from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.status import inspect
from tests.dubhe_sdk.spool.helpers import DATE_MS, INSTANCE_ID, make_writer
from tests.dubhe_sidecar.helpers import SidecarHarness
from tests.dubhe_sidecar.short_timeouts import COMMAND, ENV
from tests.kafka.acls import USER, grant, grant_on_cluster
from tests.kafka.broker import Broker
from tests.kafka.reader import Message, Reader, read_topic
from tests.kafka.releases import KAFKA_2_8, RELEASES
from tests.support.waiting import wait_for

PASSWORD = "correct-horse-battery"
PROPERTIES = {
    # Metadata requests of the sidecar must not create the topic that a test has deleted.
    "auto.create.topics.enable": "false",
    "super.users": "User:ANONYMOUS",
    "listener.name.client.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.client.plain.sasl.jaas.config": (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'user_{USER}="{PASSWORD}";'
    ),
}
SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "PLAIN",
    "KAFKA_SASL_USERNAME": USER,
    "KAFKA_SASL_PASSWORD": PASSWORD,
}
BATCHES = 1000
PADDING = "x" * 150  # with it a message is as long as one of a training


pytestmark = pytest.mark.needs("java", "mvn")


@pytest.fixture(scope="module", params=RELEASES, ids=lambda release: release.kafka)
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    directory = tmp_path_factory.mktemp("release") / "broker"
    properties = {**PROPERTIES, "authorizer.class.name": request.param.authorizer}
    with Broker(
        directory, properties, security_protocol="SASL_PLAINTEXT", release=request.param
    ) as one:
        yield one


class Reports:
    """A writer that numbers what it reports, and the sidecars that deliver it.

    Args:
        harness: where spool and log are.
        broker: where to.
        topic: of it.
    """

    def __init__(self, harness: SidecarHarness, broker: Broker, topic: str) -> None:
        self.count = 0
        self._broker = broker
        self._topic = topic
        self._harness = harness
        self._writer = make_writer(harness.spool, topic_status=topic)
        self._stream = b""

    def write(self, count: int) -> None:
        """Report more."""
        for number in range(self.count, self.count + count):
            batch = number % BATCHES
            assert self._writer.append(Kind.PROGRESS, _value(number), DATE_MS, batch, BATCHES)
        self.count += count
        self._stream = self._writer.stream.encode()

    def start(self, *arguments: str, bootstrap: str = "", **env: str) -> None:
        """Start a sidecar with short times."""
        servers = {"BOOTSTRAP_SERVERS": bootstrap or self._broker.plain_bootstrap}
        self._harness.start(*arguments, command=COMMAND, env={**ENV, **servers, **env})

    def kill(self) -> None:
        """Kill the sidecars, with SIGKILL."""
        self._harness.close()
        self._harness.processes.clear()

    def wait_delivered(self) -> None:
        """Wait until the sidecar has the acknowledgements of all that was reported."""

        def delivered() -> bool:
            return inspect(self._harness.spool).delivered >= self.count

        wait_for(delivered, lambda: f"{self.count} delivered\n{self._harness.log_text}")

    def wait_reported(self, code: str, text: str) -> None:
        """Wait until it is shown why nothing is delivered."""

        def reported() -> bool:
            status = inspect(self._harness.spool)
            return status.last_error_code == code and text in (status.last_error or "")

        wait_for(reported, lambda: f"{code}: {text}\n{self._harness.log_text}")

    def drain(self, **env: str) -> None:
        """Have the rest delivered by a sidecar that ends by itself."""
        self._writer.close()
        self.start("--drain", **env)
        assert self._harness.processes[-1].wait(60) == 0, self._harness.log_text

    def check(self, messages: list[Message], begin: int = 0) -> None:
        """See that all from ``begin`` on are there, once and in order, as they were reported."""
        assert [m.value for m in messages] == [_value(n) for n in range(begin, self.count)]
        for number, message in zip(range(begin, self.count), messages, strict=True):
            assert message.key == INSTANCE_ID.encode()
            assert dict(message.headers) == {
                "dubhe-writer": self._stream,
                "dubhe-seq": b"%d" % (number + 1),
                "dubhe-batch": b"%d/%d" % (number % BATCHES, BATCHES),
            }
            assert message.timestamp_ms > DATE_MS  # when it was sent


def _value(number: int) -> bytes:
    return json.dumps({"number": number, "padding": PADDING}).encode()


@pytest.fixture
def reports(broker: Broker, tmp_path: Path, topic_name: str) -> Iterator[Reports]:
    broker.create_topic(topic_name)
    harness = SidecarHarness(tmp_path)
    yield Reports(harness, broker, topic_name)
    broker.thaw()
    harness.close()


def _unread(port: int) -> bool:
    """Whether bytes wait at the broker that it has not read."""
    sockets = [Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6")]
    fields = [line.split() for table in sockets for line in table.splitlines()[1:]]
    return any(
        int(local.rpartition(":")[2], 16) == port and int(queues.rpartition(":")[2], 16) > 0
        for _, local, _, state, queues, *_ in fields
        if state == "01"  # established
    )


def test_killed_in_the_middle_everything_arrives_once_and_in_order(
    broker: Broker, reports: Reports, topic_name: str
) -> None:
    reports.write(2000)
    reports.start()
    reports.wait_delivered()
    broker.freeze()
    reports.write(2000)
    port = int(broker.plain_bootstrap.rpartition(":")[2])
    wait_for(lambda: _unread(port), "a request whose outcome nobody knows")
    reports.kill()
    broker.thaw()
    with Reader(broker.plain_bootstrap, topic_name) as reader:

        def caught_up() -> bool:
            reader.poll(0.1)
            return reader.at_end

        wait_for(caught_up, "what has arrived")
        for _ in range(2):
            reports.write(1000)
            reports.start()
            wait_for(lambda: reader.poll(0.05), "the next messages")
            reports.kill()  # while it delivers, or just after
    reports.drain()
    reports.check(read_topic(broker.plain_bootstrap, topic_name))


def test_a_broker_killed_in_the_middle(broker: Broker, reports: Reports, topic_name: str) -> None:
    reports.write(1000)
    reports.start()
    reports.wait_delivered()
    broker.freeze()
    reports.write(2000)
    broker.kill()
    broker.start()
    reports.wait_delivered()
    reports.check(read_topic(broker.plain_bootstrap, topic_name))


def test_a_topic_deleted_and_made_again(broker: Broker, reports: Reports, topic_name: str) -> None:
    reports.write(500)
    reports.start()
    reports.wait_delivered()
    broker.delete_topic(topic_name)
    broker.create_topic(topic_name)
    reports.write(500)
    reports.wait_delivered()
    reports.check(read_topic(broker.plain_bootstrap, topic_name), 500)


def test_a_user_with_few_permissions(broker: Broker, reports: Reports, topic_name: str) -> None:
    grant(broker, topic_name, AclOperation.DESCRIBE, AclOperation.READ, AclOperation.WRITE)
    if broker.release < KAFKA_2_8:
        grant_on_cluster(broker, AclOperation.IDEMPOTENT_WRITE)
    reports.write(500)
    reports.drain(bootstrap=broker.bootstrap, **SASL)
    reports.check(read_topic(broker.plain_bootstrap, topic_name))


def test_without_idempotence_no_permission_on_the_cluster_is_needed(
    broker: Broker, reports: Reports, topic_name: str
) -> None:
    """Older brokers want IdempotentWrite on the cluster: it is named, and can be done without."""
    grant(broker, topic_name, AclOperation.DESCRIBE, AclOperation.READ, AclOperation.WRITE)
    grant_on_cluster(broker)
    reports.write(500)
    if broker.release < KAFKA_2_8:
        reports.start(bootstrap=broker.bootstrap, **SASL)
        reports.wait_reported("authorization", "IdempotentWrite on the cluster")
        reports.kill()
    reports.drain(bootstrap=broker.bootstrap, KAFKA_ENABLE_IDEMPOTENCE="false", **SASL)
    reports.check(read_topic(broker.plain_bootstrap, topic_name))
