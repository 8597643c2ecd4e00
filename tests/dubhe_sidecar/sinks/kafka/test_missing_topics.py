"""Topics that do not exist: what they hold back, and that all arrives once when they are there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation

from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.status import inspect, read_live
from tests.dubhe_sdk.spool.helpers import append, make_writer
from tests.dubhe_sidecar.helpers import SidecarHarness
from tests.dubhe_sidecar.short_timeouts import COMMAND, ENV
from tests.kafka.acls import USER, grant
from tests.kafka.broker import Broker
from tests.kafka.fixtures import BrokerFactory
from tests.kafka.reader import Message, read_topic
from tests.support.waiting import wait_for

STATUS, RESULT = "alg_model_progress", "als_model_result"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SECURED = {
    "listener.name.client.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.client.plain.sasl.jaas.config": f'{PLAIN} required user_{USER}="secret";',
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}
SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_USERNAME": USER,
    "KAFKA_SASL_PASSWORD": "secret",
}
pytestmark = pytest.mark.needs("java")


@pytest.fixture
def broker(make_broker: BrokerFactory) -> Iterator[Broker]:
    """A broker that creates no topics."""
    with make_broker({"auto.create.topics.enable": "false"}) as one:
        yield one


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[SidecarHarness]:
    one = SidecarHarness(tmp_path)
    yield one
    one.close()


class Task:
    """A service and its model, which report from two processes' streams."""

    def __init__(self, spool: Path, instance_id: str = "a-b-train-1") -> None:
        topics = {"topic_status": STATUS, "topic_result": RESULT, "instance_id": instance_id}
        self._service = make_writer(spool, **topics)
        self._model = make_writer(spool, **topics)
        self._said = 0

    def begin(self) -> None:
        self._say(self._service, Kind.READY)
        self._say(self._service, Kind.START)

    def work(self, count: int) -> None:
        for _ in range(count):
            self._say(self._model, Kind.PROGRESS)
            self._say(self._model, Kind.RESULT)

    def end(self) -> None:
        self._say(self._service, Kind.END)
        self._service.close()
        self._model.close()

    def _say(self, writer, kind: Kind) -> None:
        self._said += 1
        assert writer.append(kind, b'{"n":%d}' % self._said, 1)


def said(messages: list[Message]) -> list[int]:
    return [json.loads(message.value or b"")["n"] for message in messages]


def topics(broker: Broker) -> tuple[list[int], list[int]]:
    """Return what is in the two topics, in order."""
    status, result = (said(read_topic(broker.bootstrap, name)) for name in (STATUS, RESULT))
    return status, result


def start(harness: SidecarHarness, broker: Broker, **more: str) -> subprocess.Popen[bytes]:
    env = {"BOOTSTRAP_SERVERS": broker.bootstrap, **ENV, **more}
    return harness.start(env=env, command=COMMAND)


def last_error(harness: SidecarHarness) -> str:
    return read_live(harness.spool).get("last_error") or ""


def shows_missing(harness: SidecarHarness, topic: str) -> bool:
    code = read_live(harness.spool).get("last_error_code")
    return code == "topic" and f"topic {topic} does not exist" in last_error(harness)


def await_delivered(harness: SidecarHarness, count: int) -> None:
    wait_for(
        lambda: inspect(harness.spool).delivered == count,
        lambda: f"{inspect(harness.spool)}\n{harness.log_text}",
    )


def test_the_rest_is_delivered_meanwhile_and_all_when_it_is_there(
    broker: Broker, harness: SidecarHarness
) -> None:
    """Results wait, and END for them; START and progress do not. Killed in between."""
    broker.create_topic(STATUS)
    task = Task(harness.spool)
    task.begin()
    task.work(1500)
    sidecar = start(harness, broker)
    await_delivered(harness, 1502)
    wait_for(lambda: shows_missing(harness, RESULT), lambda: str(read_live(harness.spool)))
    assert "all else is delivered" in last_error(harness)
    assert inspect(harness.spool).undelivered == 1500
    sidecar.kill()
    sidecar.wait()
    task.work(1500)
    start(harness, broker)
    await_delivered(harness, 3002)
    task.end()
    wait_for(lambda: inspect(harness.spool).undelivered == 3001, lambda: harness.log_text)
    broker.create_topic(RESULT)
    await_delivered(harness, 6003)
    wait_for(lambda: inspect(harness.spool).last_error is None, lambda: harness.log_text)
    harness.processes[-1].terminate()
    assert harness.processes[-1].wait(60) == 0, harness.log_text
    status, result = topics(broker)
    assert status == [1, 2, *range(3, 6003, 2), 6003]
    assert result == list(range(4, 6003, 2))


def test_a_topic_deleted_in_the_middle(broker: Broker, harness: SidecarHarness) -> None:
    for topic in (STATUS, RESULT):
        broker.create_topic(topic)
    task, other = Task(harness.spool), Task(harness.spool, "c-d-train-2")
    task.begin()
    task.work(10)
    sidecar = start(harness, broker)
    await_delivered(harness, 22)
    broker.delete_topic(RESULT)
    task.work(10)
    wait_for(lambda: shows_missing(harness, RESULT), lambda: str(read_live(harness.spool)))
    await_delivered(harness, 32)
    other.begin()
    other.work(5)
    await_delivered(harness, 39)
    sidecar.kill()
    sidecar.wait()
    start(harness, broker)
    wait_for(lambda: shows_missing(harness, RESULT), lambda: str(read_live(harness.spool)))
    task.work(10)
    task.end()
    other.end()
    await_delivered(harness, 49)
    broker.create_topic(RESULT)
    await_delivered(harness, 22 + 20 + 20 + 12 + 2)
    status, result = topics(broker)
    assert sorted(status) == sorted([1, 2, *range(3, 63, 2), 63, 1, 2, *range(3, 13, 2), 13])
    assert sorted(result) == sorted([*range(24, 63, 2), *range(4, 13, 2)]), "those after it went"


def test_a_task_waits_for_its_start_and_another_instance_does_not(
    broker: Broker, harness: SidecarHarness
) -> None:
    broker.create_topic(RESULT)
    broker.create_topic("elsewhere")
    task = Task(harness.spool)
    task.begin()
    task.work(5)
    task.end()
    other = make_writer(
        harness.spool, topic_status="elsewhere", topic_result=RESULT, instance_id="e-f-train-3"
    )
    append(other, 1)
    start(harness, broker)
    await_delivered(harness, 1)
    wait_for(lambda: shows_missing(harness, STATUS), lambda: str(read_live(harness.spool)))
    assert said(read_topic(broker.bootstrap, RESULT)) == []
    broker.create_topic(STATUS)
    await_delivered(harness, 14)
    assert topics(broker) == ([1, 2, *range(3, 13, 2), 13], list(range(4, 13, 2)))
    other.close()


def test_what_had_arrived_in_a_topic_that_was_hidden_is_not_sent_again(
    tmp_path: Path, harness: SidecarHarness
) -> None:
    """A topic may be hidden only, at the very moment when it is looked for what has arrived there.

    Here by a permission, for as long as the test wants; a broker that has just started does so for
    a moment.
    """
    with Broker(tmp_path / "secured", SECURED, security_protocol="SASL_PLAINTEXT") as broker:
        for topic in (STATUS, RESULT):
            broker.create_topic(topic)
            grant(broker, topic, AclOperation.READ, AclOperation.WRITE)
        task = Task(harness.spool)
        task.begin()
        task.work(10)
        sidecar = start(harness, broker, **SASL)
        await_delivered(harness, 22)
        cursor = harness.spool / "cursor.json"
        wait_for(lambda: json.loads(cursor.read_text())["totals"]["delivered"] == 22)
        early = cursor.read_bytes()
        task.work(10)
        await_delivered(harness, 42)
        sidecar.kill()
        sidecar.wait()
        cursor.write_bytes(early)  # as if the kill had come before it was saved
        grant(broker, RESULT)
        task.work(10)
        start(harness, broker, **SASL)
        await_delivered(harness, 22 + 10 + 10)
        wait_for(
            lambda: f"permission on topic {RESULT}" in last_error(harness),
            lambda: str(read_live(harness.spool)),
        )
        assert read_live(harness.spool)["last_error_code"] == "authorization"
        grant(broker, RESULT, AclOperation.READ, AclOperation.WRITE)
        task.end()
        await_delivered(harness, 63)
        status, result = (
            said(read_topic(broker.plain_bootstrap, name)) for name in (STATUS, RESULT)
        )
        assert status == [1, 2, *range(3, 63, 2), 63]
        assert result == list(range(4, 63, 2))


def test_a_topic_that_may_be_described_only_holds_back_what_is_for_it(
    tmp_path: Path, harness: SidecarHarness
) -> None:
    """From the start, and when the permission is taken away while it is in use."""
    with Broker(tmp_path / "secured", SECURED, security_protocol="SASL_PLAINTEXT") as broker:
        for topic in (STATUS, RESULT):
            broker.create_topic(topic)
        grant(broker, STATUS, AclOperation.READ, AclOperation.WRITE)
        grant(broker, RESULT, AclOperation.DESCRIBE)
        task = Task(harness.spool)
        task.begin()
        task.work(10)
        start(harness, broker, **SASL)
        await_delivered(harness, 12)
        wait_for(
            lambda: f"permission on topic {RESULT}" in last_error(harness),
            lambda: str(read_live(harness.spool)),
        )
        grant(broker, RESULT, AclOperation.READ, AclOperation.WRITE)
        await_delivered(harness, 22)
        grant(broker, RESULT, AclOperation.READ)  # which implies Describe
        task.work(10)
        await_delivered(harness, 32)
        wait_for(
            lambda: f"permission on topic {RESULT}" in last_error(harness),
            lambda: str(read_live(harness.spool)),
        )
        assert read_live(harness.spool)["last_error_code"] == "authorization"
        grant(broker, RESULT, AclOperation.READ, AclOperation.WRITE)
        task.end()
        await_delivered(harness, 43)
        status, result = (
            said(read_topic(broker.plain_bootstrap, name)) for name in (STATUS, RESULT)
        )
        assert status == [1, 2, *range(3, 43, 2), 43]
        assert result == list(range(4, 43, 2))
