"""Names with several addresses, some of which do not answer."""

from __future__ import annotations

import dataclasses
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dubhe_sidecar.sinks.base import OutageCode
from dubhe_sidecar.sinks.kafka import KafkaLimits, KafkaSettings, KafkaSink
from dubhe_sidecar.sinks.kafka.addresses import Addresses, failed
from dubhe_sidecar.sinks.kafka.settings import Server, servers
from tests.dubhe_sidecar.sinks.kafka.helpers import (
    FAST,
    Beside,
    Cursor,
    deliver,
    outage_text,
    record,
    until,
)
from tests.kafka.broker import HOST, Broker
from tests.kafka.pki import Authority
from tests.network.silent import silent

pytestmark = pytest.mark.needs("java", "openssl")

NAME, STRANGER = "brokers.example", "stranger.example"
SILENT = "127.0.0.2"
Resolve = Callable[..., None]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def named(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that is known by `NAME`, plainly and with a certificate for that name."""
    store = authority.keystore("named", f"DNS:{NAME}")
    properties = {
        "listener.name.tls.ssl.keystore.type": "PEM",
        "listener.name.tls.ssl.keystore.location": str(store),
    }
    directory = tmp_path_factory.mktemp("named") / "broker"
    broker = Broker(directory, properties, listeners={"TLS": "SSL"})
    for listener in ("CLIENT", "TLS"):
        broker.announce(listener, broker.at(listener).replace(HOST, NAME))
    with broker:
        yield broker


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Give a name addresses; a test cannot change the machine's own resolver."""
    real = socket.getaddrinfo
    known: dict[str, tuple[str, ...]] = {}

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return [
            one for name in known.get(host, (host,)) for one in real(name, port, *args, **kwargs)
        ]

    def set_addresses(name: str, *addresses: str) -> None:
        known[name] = addresses

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return set_addresses


def sink_to(broker: Broker, listener: str, name: str, **settings: Any) -> KafkaSink:
    port = broker.at(listener).rpartition(":")[2]
    # The product's own time for one attempt to connect: it must do for all addresses.
    limits = dataclasses.replace(FAST, connect_timeout_s=KafkaLimits().connect_timeout_s)
    return KafkaSink(KafkaSettings(servers(f"{name}:{port}"), **settings), limits)


def deliver_one(sink: KafkaSink, topic: str) -> None:
    cursor = Cursor()
    sink.connect()
    sink.open(None, undelivered=False, save=cursor.save)
    deliver(sink, [record(topic, 1)])
    sink.close()


@pytest.mark.parametrize("listener", ["CLIENT", "TLS"])
def test_the_first_address_is_silent(
    named: Broker, authority: Authority, resolve: Resolve, topic_name: str, listener: str
) -> None:
    """It costs its share of the time once; with TLS the certificate is still that of the name."""
    resolve(NAME, SILENT, HOST)
    named.create_topic(topic_name)
    tls = {"protocol": "SSL", "cafile": str(authority.certificate)} if listener == "TLS" else {}
    port = int(named.at(listener).rpartition(":")[2])
    with silent(SILENT, port):
        sink = sink_to(named, listener, NAME, **tls)
        began = time.monotonic()
        deliver_one(sink, topic_name)
        # Three connections at least were made: bootstrap, broker, and the end of the partition.
        assert 3.0 <= time.monotonic() - began < 20.0
    assert sink.retries == 0


def test_a_name_that_the_certificate_does_not_hold_for_is_refused(
    named: Broker, authority: Authority, resolve: Resolve
) -> None:
    resolve(STRANGER, SILENT, HOST)  # the first refuses
    sink = sink_to(named, "TLS", STRANGER, protocol="SSL", cafile=str(authority.certificate))
    sink.on_wait = lambda: 1 / 0 if sink.retries else None  # type: ignore[assignment,return-value]
    with pytest.raises(ZeroDivisionError):
        sink.connect()
    assert "certificate" in outage_text(sink).lower()
    assert sink.outage is not None
    assert sink.outage.code is OutageCode.TLS
    sink.close()


def test_all_addresses_are_named_when_none_works(resolve: Resolve) -> None:
    resolve(NAME, SILENT, HOST)
    with silent(SILENT) as port:
        sink = KafkaSink(KafkaSettings(servers(f"{NAME}:{port}")), FAST)
        work = Beside(sink.connect)
        until(lambda: bool(sink.retries))
        text = outage_text(sink)
        assert f"{NAME}:{port}: no answer to a connection attempt at {SILENT}:{port}" in text
        assert f"connection refused at {HOST}:{port}" in text

        def give_up() -> None:
            raise InterruptedError

        sink.on_wait = give_up
        with pytest.raises(InterruptedError):
            work.join()
    sink.close()


def test_addresses_that_failed_are_tried_last() -> None:
    addresses = Addresses()
    found = [(0, 0, 0, "", (host, 1)) for host in ("a", "b", "c")]
    addresses.suspect(("a", 1))
    assert [one[4][0] for one in addresses.in_order(found)] == ["b", "c", "a"]
    addresses.note_connected(Server(("n", 1)), ("a", 1))
    assert [one[4][0] for one in addresses.in_order(found)] == ["a", "b", "c"]


def test_what_failed_is_known_until_it_works() -> None:
    addresses, server = Addresses(), Server(("n", 1))
    addresses.note_failed(server, failed(server, ("10.0.0.1", 1), TimeoutError()))
    assert addresses.failures[server].text == "no answer to a connection attempt at 10.0.0.1:1"
    addresses.note_connected(server, ("10.0.0.1", 1))
    assert addresses.failures == {}


def test_the_harness_makes_addresses_silent(tmp_path: Path) -> None:
    with silent(SILENT) as port, socket.socket() as client:
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.connect((SILENT, port))
