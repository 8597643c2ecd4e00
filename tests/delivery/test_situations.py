"""Whatever keeps messages from Kafka has one account, wherever one looks.

Each situation is brought about with a real sidecar, and looked at in the log, `dubhe status`,
`dubhe health`, the metrics and what the page is given: the same code, the cause, since when, and
how much waits. ``last error none`` while nothing is delivered would fail every one of them.

Situations that need more than one broker or a disk of their own have tests elsewhere: too few
replicas (`faults/test_cluster.py`), a full disk (`faults/test_sidecar_disk.py`), brokers that moved
(`dubhe_sidecar/sinks/kafka/test_moved.py`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from dubhe_sdk.spool.frame import Kind
from dubhe_sidecar.commands.status import describe
from dubhe_sidecar.prometheus import render
from dubhe_sidecar.status import inspect, read_live
from dubhe_simulator.instances.spool_status import DeliveryStatus
from tests.dubhe_sdk.spool.helpers import append, make_writer
from tests.dubhe_sidecar.helpers import SidecarHarness
from tests.dubhe_sidecar.short_timeouts import COMMAND, ENV
from tests.kafka.broker import HOST, Broker, free_ports
from tests.kafka.pki import Authority
from tests.kafka.reader import read_topic
from tests.network.silent import silent
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("java", "openssl")

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SILENT = "127.0.0.3"
LISTENERS = {
    "SASL": "SASL_PLAINTEXT",
    "TLS": "SSL",
    "NAMED": "PLAINTEXT",
    "PORT": "PLAINTEXT",
    "MUTE": "PLAINTEXT",
}


class Place(NamedTuple):
    """What the situations share."""

    broker: Broker
    authority: Authority
    free_port: int
    silent_port: int


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[SidecarHarness]:
    """A spool; sidecars started on it end with the test."""
    one = SidecarHarness(tmp_path)
    yield one
    one.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A broker with a listener for each mistake."""
    authority = Authority(tmp_path_factory.mktemp("pki"))
    [free_port] = free_ports(1)
    with silent(SILENT) as silent_port:
        broker = Broker(
            tmp_path_factory.mktemp("situations") / "broker",
            {
                "auto.create.topics.enable": "false",
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS",
                "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN",
                "listener.name.sasl.plain.sasl.jaas.config": f"{PLAIN} required "
                'user_alice="secret" user_bob="secret";',
                "listener.name.tls.ssl.keystore.type": "PEM",
                "listener.name.tls.ssl.keystore.location": str(
                    authority.keystore("broker", "DNS:elsewhere.example")
                ),
            },
            listeners=LISTENERS,
        )
        broker.announce("NAMED", "kafka.invalid:9092")
        broker.announce("PORT", f"localhost:{free_port}")
        broker.announce("MUTE", f"{SILENT}:{silent_port}")
        with broker:
            broker.create_topic("there")
            broker.create_topic("compacted", config={"cleanup.policy": "compact"})
            may_describe(broker, "bob", "there")
            yield Place(broker, authority, free_port, silent_port)


def may_describe(broker: Broker, user: str, topic: str) -> None:
    where = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{user}")
    rule = AclBinding(*where, "*", AclOperation.DESCRIBE, AclPermissionType.ALLOW)
    admin = broker.admin()
    for future in admin.create_acls([rule]).values():
        future.result(20)


def sasl(place: Place, user: str, password: str) -> dict[str, str]:
    return {
        "BOOTSTRAP_SERVERS": place.broker.at("SASL"),
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "KAFKA_SASL_USERNAME": user,
        "KAFKA_SASL_PASSWORD": password,
    }


def at(listener: str) -> Callable[[Place], dict[str, str]]:
    return lambda place: {"BOOTSTRAP_SERVERS": place.broker.at(listener)}


class Situation(NamedTuple):
    """What is wrong, and what has to be shown."""

    name: str
    env: Callable[[Place], dict[str, str]]
    code: str
    texts: tuple[str, ...]
    topic: str = "there"


SITUATIONS = (
    Situation(
        "refused",
        lambda place: {"BOOTSTRAP_SERVERS": f"{HOST}:{place.free_port}"},
        "refused",
        ("connection refused",),
    ),
    Situation(
        "silent",
        lambda place: {"BOOTSTRAP_SERVERS": f"{SILENT}:{place.silent_port}"},
        "unreachable",
        ("no answer to a connection attempt",),
    ),
    Situation(
        "unknown name",
        lambda _: {"BOOTSTRAP_SERVERS": "kafka.invalid:9092"},
        "name",
        ("kafka.invalid:9092: the name cannot be resolved",),
    ),
    Situation(
        "announced name unknown",
        at("NAMED"),
        "advertised",
        ("advertised.listeners", "kafka.invalid:9092: the name cannot be resolved", "known here"),
    ),
    Situation(
        "announced port refused",
        at("PORT"),
        "advertised",
        ("advertised.listeners", "connection refused at 127.0.0.1:", "a loopback address is this"),
    ),
    Situation(
        "announced address silent",
        at("MUTE"),
        "advertised",
        ("advertised.listeners", f"{SILENT}:", "no answer to a connection attempt", "firewall"),
    ),
    Situation(
        "password wrong",
        lambda place: sasl(place, "alice", "wrong"),
        "authentication",
        ("user name or password",),
    ),
    Situation(
        "certificate of another host",
        lambda place: {
            "BOOTSTRAP_SERVERS": place.broker.at("TLS"),
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_SSL_CAFILE": str(place.authority.certificate),
        },
        "tls",
        ("TLS failed", "certificate"),
    ),
    Situation("plainly to a listener with TLS", at("TLS"), "tls", ("TLS or SASL expected?",)),
    Situation(
        "not a listener for clients",
        lambda place: {"BOOTSTRAP_SERVERS": place.broker.controller},
        "protocol",
        ("not a Kafka broker's client listener",),
    ),
    Situation("topic missing", at("CLIENT"), "topic", ("topic absent does not exist",), "absent"),
    Situation(
        "no permission",
        lambda place: sasl(place, "alice", "secret"),
        "authorization",
        ("no permission on topic there (Describe, Write)",),
    ),
    Situation(
        "permission to describe only",
        lambda place: sasl(place, "bob", "secret"),
        "authorization",
        ("no permission on topic there (Describe, Write)",),
    ),
)


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.name)
def test_one_account(place: Place, harness: SidecarHarness, situation: Situation) -> None:
    writer = make_writer(harness.spool, topic_status=situation.topic)
    for number in range(3):
        append(writer, number)
    harness.start(env={**situation.env(place), **ENV}, command=COMMAND)
    wait_for(
        lambda: (
            read_live(harness.spool).get("last_error_code") == situation.code
            and all(text in read_live(harness.spool)["last_error"] for text in situation.texts)
        ),
        lambda: f"{read_live(harness.spool)}\n{harness.log_text}",
    )
    status = inspect(harness.spool)
    shown = describe(status)
    for text in (*situation.texts, "(since 20", "undelivered   3"):
        assert text in shown
    assert f'dubhe_outage{{code="{situation.code}"}} 1' in render(status)
    assert "dubhe_delivering 0" in render(status)
    health = harness.dubhe("health").stdout
    for text in ("not delivering: ", *situation.texts):
        assert text in health
    page = DeliveryStatus(harness.spool)
    page.refresh()
    assert page.view is not None
    assert page.view["undelivered"] == 3
    for text in situation.texts:
        assert text in page.view["last_error"]
    wait_for(
        lambda: all(text in harness.log_text for text in ("not delivering", *situation.texts)),
        lambda: harness.log_text,
    )
    writer.close()


def test_compaction_and_throttling_are_warnings(place: Place, harness: SidecarHarness) -> None:
    """Delivery works, so there is no error; what endangers or slows it is shown all the same."""
    place.broker.throttle("dubhe-sidecar", 1000)
    writer = make_writer(harness.spool, topic_status="compacted", topic_result="compacted")
    for _ in range(5):
        assert writer.append(Kind.RESULT, b'"%s"' % (b"x" * 2000), 1)
        append(writer, b'"%s"' % (b"x" * 2000))
    harness.start(env={**at("CLIENT")(place), **ENV}, command=COMMAND)
    texts = (
        "topic compacted has cleanup.policy=compact",
        "the broker throttles this client",
    )
    with contextlib.closing(writer):
        wait_for(
            lambda: {"compacted_topic", "throttled"} <= set(inspect(harness.spool).warning_codes),
            lambda: f"{read_live(harness.spool)}\n{harness.log_text}",
        )
        status = inspect(harness.spool)
        health = harness.dubhe("health").stdout
        page = DeliveryStatus(harness.spool)
        page.refresh()
        assert page.view is not None
        for text in texts:
            assert f"warning       {text}" in describe(status)
            assert f"warning: {text}" in health
            assert any(text in one for one in page.view["warnings"])
        for code in ("compacted_topic", "throttled"):
            assert f'dubhe_warning{{code="{code}"}} 1' in render(status)
        assert texts[0] in harness.log_text


def test_a_quota_delays_and_loses_nothing(place: Place, harness: SidecarHarness) -> None:
    """What exceeds the quota is written, and the next request waits for its answer: seconds."""
    place.broker.create_topic("throttled")
    place.broker.throttle("dubhe-sidecar", 20_000)
    writer = make_writer(harness.spool, topic_status="throttled", topic_result="throttled")
    for number in range(300):
        append(writer, b'"%03d %s"' % (number, b"x" * 1000))
    harness.start(env={**at("CLIENT")(place), **ENV}, command=COMMAND)
    with contextlib.closing(writer):
        wait_for(
            lambda: "throttled" in inspect(harness.spool).warning_codes,
            lambda: f"{read_live(harness.spool)}\n{harness.log_text}",
        )
        for number in range(300, 310):
            append(writer, b'"%03d"' % number)
        wait_for(
            lambda: inspect(harness.spool).delivered == 310,
            lambda: f"{read_live(harness.spool)}\n{harness.log_text}",
        )
        assert "the broker throttles this client" in describe(inspect(harness.spool))
    messages = read_topic(place.broker.plain_bootstrap, "throttled")
    assert [int((one.value or b"")[1:4]) for one in messages] == list(range(310))


def test_a_sidecar_that_cannot_go_on_leaves_the_reason(harness: SidecarHarness) -> None:
    """It is started again and again by its container parent; the reason is shown meanwhile."""
    writer = make_writer(harness.spool)
    append(writer, 1)
    harness.journal.write_text("in the way")
    assert harness.start().wait(60) == 1
    status = inspect(harness.spool)
    assert status.sidecar == "not running"
    for text in (str(harness.journal), "the sidecar ended at 20"):
        assert text in describe(status)
        assert text in harness.dubhe("health").stdout
    harness.journal.unlink()
    harness.start()
    wait_for(lambda: inspect(harness.spool).delivered == 1, lambda: harness.log_text)
    wait_for(lambda: inspect(harness.spool).last_error is None, lambda: harness.log_text)
    writer.close()
