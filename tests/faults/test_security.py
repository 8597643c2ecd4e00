"""TLS and SASL towards a real broker: delivered through; refused in clear words; no secret shown.

One broker, with a listener for each case.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.dubhe_sidecar.helpers import SidecarHarness
from tests.faults.numbered_delivery import PERFECT, Delivery
from tests.kafka.broker import Broker
from tests.kafka.pki import Authority
from tests.support.waiting import wait_for

pytestmark = pytest.mark.needs("java", "openssl")

USER, PASSWORD, WRONG = "alice", "correct-horse-battery", "hunter2-secret"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
LISTENERS = {
    "TLS": "SSL",
    "EXPIRED": "SSL",
    "STRANGER": "SSL",
    "SASL": "SASL_PLAINTEXT",
    "LOCKOUT": "SASL_PLAINTEXT",
    "SASLTLS": "SASL_SSL",
}
SCRAMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")
# Each failed authentication is a line in the broker's log.
TELL_FAILURES = "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.network.Selector=info"
HERE = "IP:127.0.0.1"


def properties(authority: Authority) -> dict[str, str]:
    stores = {
        "tls": authority.keystore("broker", HERE),
        "sasltls": authority.keystore("broker-sasl", HERE),
        "expired": authority.keystore("broker-expired", HERE, expired=True),
        "stranger": authority.keystore("broker-stranger", "DNS:elsewhere.example"),
    }
    found = {}
    for name, store in stores.items():
        prefix = f"listener.name.{name}.ssl"
        found[f"{prefix}.keystore.type"] = found[f"{prefix}.truststore.type"] = "PEM"
        found[f"{prefix}.keystore.location"] = str(store)
        found[f"{prefix}.truststore.location"] = str(authority.certificate)
        found[f"{prefix}.client.auth"] = "none" if name == "sasltls" else "required"
    for name in ("sasl", "lockout", "sasltls"):
        prefix = f"listener.name.{name}"
        found[f"{prefix}.sasl.enabled.mechanisms"] = ",".join(["PLAIN", *SCRAMS])
        found[f"{prefix}.plain.sasl.jaas.config"] = f'{PLAIN} required user_{USER}="{PASSWORD}";'
        for mechanism in SCRAMS:
            found[f"{prefix}.{mechanism.lower()}.sasl.jaas.config"] = f"{SCRAM} required;"
    return found


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def secured(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    directory = tmp_path_factory.mktemp("secured") / "broker"
    broker = Broker(directory, properties(authority), jvm=(TELL_FAILURES,), listeners=LISTENERS)
    with broker:
        admin = broker.admin()
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            info = ScramCredentialInfo(mechanism, 4096)
            user = UserScramCredentialUpsertion(USER, info, PASSWORD.encode())
            for future in admin.alter_user_scram_credentials([user]).values():
                future.result(20)
        yield broker


def tls(authority: Authority, *, client: str = "client") -> dict[str, str]:
    found = {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": str(authority.certificate)}
    if client:
        certificate, key = authority.issue(client)
        found |= {"KAFKA_SSL_CERTFILE": str(certificate), "KAFKA_SSL_KEYFILE": str(key)}
    return found


def encrypted_key(authority: Authority) -> dict[str, str]:
    """The settings of a client whose key wants a password, without the password."""
    found = tls(authority)
    key = authority.encrypted(Path(found["KAFKA_SSL_KEYFILE"]), PASSWORD)
    return {**found, "KAFKA_SSL_KEYFILE": str(key)}


def sasl(protocol: str, mechanism: str, password_file: Path) -> dict[str, str]:
    return {
        "KAFKA_SECURITY_PROTOCOL": protocol,
        "KAFKA_SASL_MECHANISM": mechanism,
        "KAFKA_SASL_USERNAME": USER,
        "KAFKA_SASL_PASSWORD_FILE": str(password_file),
    }


def delivered(broker: Broker, listener: str, topic: str, folder: Path, env: dict[str, str]) -> None:
    broker.create_topic(topic)
    with Delivery(folder, broker.at(listener), topic, env=env) as delivery:
        delivery.wait_delivered()
        assert delivery.finish(broker.plain_bootstrap) == PERFECT


def test_tls_with_a_client_certificate(
    secured: Broker, authority: Authority, topic_name: str, tmp_path: Path
) -> None:
    delivered(secured, "TLS", topic_name, tmp_path, tls(authority))


@pytest.mark.parametrize("given", ["environment", "file"])
def test_tls_with_an_encrypted_key(
    secured: Broker, authority: Authority, topic_name: str, tmp_path: Path, given: str
) -> None:
    env = encrypted_key(authority)
    if given == "environment":
        env["KAFKA_SSL_KEY_PASSWORD"] = PASSWORD
    else:
        secret = tmp_path / "secret"
        secret.write_text(f"{PASSWORD}\n")
        env["KAFKA_SSL_KEY_PASSWORD_FILE"] = str(secret)
    delivered(secured, "TLS", topic_name, tmp_path, env)


@pytest.mark.parametrize("password", ["", WRONG])
def test_an_encrypted_key_without_its_password_is_refused_at_the_start(
    secured: Broker, authority: Authority, tmp_path: Path, password: str
) -> None:
    """No broker is needed to see it, so nobody has to wait for one; OpenSSL must not ask either."""
    env = encrypted_key(authority)
    if password:
        env["KAFKA_SSL_KEY_PASSWORD"] = password
    harness = SidecarHarness(tmp_path)
    try:
        process = harness.start(env={"BOOTSTRAP_SERVERS": secured.at("TLS"), **env})
        assert process.wait(30) == 2
        assert "KAFKA_SSL_KEY_PASSWORD does not open the key" in harness.log_text
        assert WRONG not in harness.log_text
    finally:
        harness.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", *SCRAMS])
@pytest.mark.parametrize("listener", ["SASL", "SASLTLS"])
def test_sasl(
    secured: Broker,
    authority: Authority,
    topic_name: str,
    tmp_path: Path,
    listener: str,
    mechanism: str,
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD}\n")
    env = sasl(LISTENERS[listener], mechanism, secret)
    if listener == "SASLTLS":
        env["KAFKA_SSL_CAFILE"] = str(authority.certificate)
    delivered(secured, listener, topic_name, tmp_path, env)


@pytest.mark.parametrize(
    ("listener", "case", "words"),
    [
        ("EXPIRED", "expired", "certificate has expired"),
        ("STRANGER", "wrong host", "IP address mismatch"),
        ("TLS", "unknown authority", "unable to get local issuer certificate"),
        ("TLS", "no client certificate", "client certificate"),
    ],
)
def test_tls_refused(
    secured: Broker,
    authority: Authority,
    topic_name: str,
    tmp_path: Path,
    listener: str,
    case: str,
    words: str,
) -> None:
    env = tls(authority, client="" if case == "no client certificate" else "client")
    if case == "unknown authority":
        env["KAFKA_SSL_CAFILE"] = str(Authority(tmp_path / "other", "other").certificate)
    with Delivery(tmp_path, secured.at(listener), topic_name, env=env) as delivery:
        delivery.wait_reported(words, 30)
        wait_for(lambda: words in delivery.harness.log_text, "the same in the log")


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password_is_corrected_in_its_file(
    secured: Broker, topic_name: str, tmp_path: Path, mechanism: str
) -> None:
    secured.create_topic(topic_name)
    secret = tmp_path / "secret"
    secret.write_text(WRONG)
    env = sasl("SASL_PLAINTEXT", mechanism, secret)
    with Delivery(tmp_path, secured.at("SASL"), topic_name, env=env) as delivery:
        delivery.wait_reported("wrong user name or password", 30)
        secret.write_text("")  # half-written
        delivery.wait_reported("is empty; expected the secret in it", 30)
        secret.write_text(PASSWORD)
        delivery.wait_delivered()
        delivery.wait_recovered()
        shown = [
            delivery.harness.log_text,
            delivery.harness.dubhe("status").stdout,
            delivery.harness.dubhe("status", "--json").stdout,
            *command_lines(),
        ]
        assert not [text for text in shown if PASSWORD in text or WRONG in text]
        assert json.loads(shown[2])["sidecar"] == "running"
        assert delivery.finish(secured.plain_bootstrap) == PERFECT


def command_lines() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found.append(path.read_text("utf-8", "replace"))
    return found


def test_no_lockout_by_hammering(secured: Broker, tmp_path: Path) -> None:
    """The product's own times, for a minute."""
    secret = tmp_path / "secret"
    secret.write_text(WRONG)
    harness = SidecarHarness(tmp_path)
    env = sasl("SASL_PLAINTEXT", "PLAIN", secret)
    try:
        harness.start(env={"BOOTSTRAP_SERVERS": secured.at("LOCKOUT"), **env})
        wait_for(lambda: attempts(secured), lambda: f"an attempt\n{harness.log_text}", 30)
        end = time.monotonic() + 60
        wait_for(lambda: time.monotonic() > end, "a minute", 70)
        assert 2 <= attempts(secured) <= 8, harness.log_text
    finally:
        harness.close()


def attempts(broker: Broker) -> int:
    """Return how many failed authentications at one listener the broker has given of."""
    port = broker.at("LOCKOUT").rpartition(":")[2]
    return len(re.findall(rf"Failed authentication with .*:{port}-", broker.log.read_text()))
