"""A cluster that refuses the client: no record is rejected for it, and the reason is reported."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AclOperation

from dubhe_sidecar.sinks.kafka import KafkaSettings, KafkaSink
from dubhe_sidecar.sinks.kafka.settings import servers
from dubhe_sidecar.status import read_live
from tests.dubhe_sidecar.helpers import SidecarHarness
from tests.dubhe_sidecar.short_timeouts import COMMAND, ENV
from tests.dubhe_sidecar.sinks.kafka.helpers import (
    FAST,
    Beside,
    Cursor,
    deliver,
    deliver_in_the_end,
    drain,
    numbers,
    outage_text,
    record,
    until,
)
from tests.kafka.acls import grant
from tests.kafka.broker import Broker
from tests.kafka.reader import read_topic
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("java")

PASSWORD = "correct-horse"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SECURED = {
    "listener.name.client.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.client.plain.sasl.jaas.config": f'{PLAIN} required user_alice="{PASSWORD}";',
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    directory = tmp_path_factory.mktemp("kafka") / "secured"
    with Broker(directory, SECURED, security_protocol="SASL_PLAINTEXT") as broker:
        yield broker


def sink_of_alice(broker: Broker, password: str = PASSWORD) -> KafkaSink:
    settings = KafkaSettings(
        servers(broker.bootstrap),
        protocol="SASL_PLAINTEXT",
        username="alice",
        password=password,
    )
    # So that the client's own attempts stay below one a second too.
    return KafkaSink(settings, dataclasses.replace(FAST, connect_timeout_s=1.0))


def test_a_wrong_password_is_reported_as_such(secured: Broker, harness: SidecarHarness) -> None:
    env = {
        "BOOTSTRAP_SERVERS": secured.bootstrap,
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_USERNAME": "alice",
        "KAFKA_SASL_PASSWORD": "hunter2",
    }
    harness.start(env={**env, **ENV}, command=COMMAND)
    wait_for(
        lambda: read_live(harness.spool).get("last_error_code") == "authentication",
        lambda: f"{read_live(harness.spool)}\n{harness.log_text}",
    )
    until(lambda: read_live(harness.spool)["retries"] > 1)
    live = read_live(harness.spool)
    assert secured.bootstrap in live["last_error"]
    assert "hunter2" not in f"{live} {harness.log_text}"


def test_permission_to_write_comes_later_and_goes(secured: Broker, topic_name: str) -> None:
    secured.create_topic(topic_name)
    sink = sink_of_alice(secured)
    cursor = Cursor()
    sink.connect()
    sink.open(None, undelivered=False, save=cursor.save)
    work = Beside(lambda: deliver_in_the_end(sink, [record(topic_name, 1)]))
    until(lambda: "no permission" in outage_text(sink))
    grant(secured, topic_name, AclOperation.WRITE, AclOperation.READ)
    work.join()
    assert sink.outage is None
    grant(secured, topic_name, AclOperation.DESCRIBE)
    rest = [record(topic_name, n) for n in range(2, 20)]
    work = Beside(lambda: deliver_in_the_end(sink, rest))
    until(lambda: "no permission" in outage_text(sink))
    grant(secured, topic_name, AclOperation.WRITE, AclOperation.READ)
    work.join()
    sink.close()
    assert numbers(read_topic(secured.plain_bootstrap, topic_name)) == list(range(1, 20))


def test_without_permission_to_read(
    secured: Broker, topic_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    secured.create_topic(topic_name)
    grant(secured, topic_name, AclOperation.WRITE)
    cursor = Cursor()
    sink = sink_of_alice(secured)
    sink.connect()
    sink.open(None, undelivered=False, save=cursor.save)
    deliver(sink, [record(topic_name, 1)])
    sink.close()
    with caplog.at_level(logging.WARNING, "dubhe_sidecar"):
        sink = sink_of_alice(secured)
        sink.connect()
        sink.open(cursor.state, undelivered=True, save=cursor.save)
    assert sink.delivered == {}
    assert f"no permission to read topic {topic_name}" in caplog.text
    deliver(sink, [record(topic_name, 2)])
    sink.close()
    assert numbers(read_topic(secured.plain_bootstrap, topic_name)) == [1, 2]


def test_a_password_that_is_changed_is_not_tried_ten_times_a_second(
    secured: Broker, topic_name: str
) -> None:
    secured.create_topic(topic_name)
    grant(secured, topic_name, AclOperation.WRITE, AclOperation.READ)
    sink = sink_of_alice(secured)
    cursor = Cursor()
    sink.connect()
    sink.open(None, undelivered=False, save=cursor.save)
    deliver(sink, [record(topic_name, 1)])
    change_password(secured, PASSWORD, "other")
    sink.send([record(topic_name, 2)])
    work = Beside(lambda: drain(sink))
    until(lambda: "authentication" in outage_text(sink).lower())
    change_password(secured, "other", PASSWORD)
    work.join()
    sink.close()
    assert numbers(read_topic(secured.plain_bootstrap, topic_name)) == [1, 2]


def change_password(broker: Broker, old: str, new: str) -> None:
    settings = broker.directory / "server.properties"
    broker.stop()
    settings.write_text(settings.read_text().replace(f'"{old}"', f'"{new}"'))
    broker.start()
