"""Environment → settings, and what is reported about a malformed one."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from dubhe_sidecar.sinks.kafka.settings import KafkaSettings, SettingsError

SERVERS = {"BOOTSTRAP_SERVERS": "a:1"}
SASL = {**SERVERS, "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_USERNAME": "alice"}
FULL = {**SASL, "KAFKA_SASL_PASSWORD": "secret"}
TLS = {**SERVERS, "KAFKA_SECURITY_PROTOCOL": "SSL"}


def read(environ: dict[str, str]) -> KafkaSettings:
    return KafkaSettings.from_environment(environ)


def test_blanks_around_values_are_ignored() -> None:
    settings = read({"BOOTSTRAP_SERVERS": " 10.0.0.5:9092 ,\tkafka-2:9093 ,[::1]:9094, "})
    assert settings.names == "10.0.0.5:9092,kafka-2:9093,[::1]:9094"
    assert settings.servers[2] == ("::1", 9094)
    assert settings.client() == {
        "bootstrap_servers": ["10.0.0.5:9092", "kafka-2:9093", "[::1]:9094"],
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }


@pytest.mark.parametrize(
    "text",
    ["", " , ", "host:", ":9092", "host:0", "host:65536", "host:9092x", "http://host:9092",
     "a b:9092", "a:1;b:2", "::1:9092", "host:٣"],
)  # fmt: skip
def test_malformed_servers(text: str) -> None:
    with pytest.raises(SettingsError, match=r"BOOTSTRAP_SERVERS.*expected host\[:port"):
        read({"BOOTSTRAP_SERVERS": text})


def test_sasl() -> None:
    settings = read(
        {**SASL, "KAFKA_SASL_MECHANISM": "scram-sha-512", "KAFKA_SASL_PASSWORD": "secret-1"}
    )
    config = settings.client()
    assert config["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (config["sasl_plain_username"], config["sasl_plain_password"]) == ("alice", "secret-1")
    assert "secret-1" not in repr(settings)


def test_secret_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    assert read({**SASL, "KAFKA_SASL_PASSWORD_FILE": str(path)}).password == "s3cret"
    with pytest.raises(SettingsError, match="are both set") as info:
        read({**SASL, "KAFKA_SASL_PASSWORD_FILE": str(path), "KAFKA_SASL_PASSWORD": "other"})
    assert "other" not in str(info.value)
    path.write_text("\n")
    with pytest.raises(SettingsError, match=r"KAFKA_SASL_PASSWORD_FILE.*is empty"):
        read({**SASL, "KAFKA_SASL_PASSWORD_FILE": str(path)})
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        read({**SASL, "KAFKA_SASL_PASSWORD_FILE": str(path)})


def test_a_secrets_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("first")
    settings = read({**SASL, "KAFKA_SASL_PASSWORD_FILE": str(path)})
    path.write_text("second")
    assert settings.client()["sasl_plain_password"] == "second"
    path.unlink()
    with pytest.raises(SettingsError, match=r"KAFKA_SASL_PASSWORD_FILE: .*/secret cannot be read"):
        settings.client()


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "KAFKA_SECURITY_PROTOCOL: found 'TLS'; expected one"),
        ({"KAFKA_SASL_USERNAME": "u"}, "KAFKA_SASL_USERNAME is set but .* is PLAINTEXT"),
        ({"KAFKA_SSL_CAFILE": __file__}, "KAFKA_SSL_CAFILE is set but .* SSL or SASL_SSL"),
        (SASL, "KAFKA_SASL_PASSWORD is not set; KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT needs it"),
        ({**FULL, "KAFKA_SASL_MECHANISM": "GSSAPI"}, "KAFKA_SASL_MECHANISM: found 'GSSAPI'"),
        ({**SASL, "KAFKA_SASL_PASSWORD_FILE": "/no"}, "KAFKA_SASL_PASSWORD_FILE: found '/no'"),
        ({**TLS, "KAFKA_SSL_CAFILE": "/no"}, "KAFKA_SSL_CAFILE: found '/no'; expected a file"),
        ({**TLS, "KAFKA_SSL_CAFILE": __file__}, "KAFKA_SSL_CAFILE: .* no certificates in PEM"),
        ({**TLS, "KAFKA_SSL_CERTFILE": __file__}, "KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE"),
        ({**TLS, "KAFKA_SSL_KEYFILE": __file__}, "KAFKA_SSL_KEYFILE is set but KAFKA_SSL_CERTFILE"),
        ({**TLS, "KAFKA_SSL_CHECK_HOSTNAME": "maybe"}, "KAFKA_SSL_CHECK_HOSTNAME: found 'maybe'"),
    ],
)
def test_malformed(environ: dict[str, str], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        read({**SERVERS, **environ})


@pytest.mark.parametrize(("text", "checked"), [("", True), ("False", False), (" 1 ", True)])
def test_tls_verifies_unless_told_otherwise(text: str, checked: bool) -> None:
    context = read({**TLS, "KAFKA_SSL_CHECK_HOSTNAME": text}).client()["ssl_context"]
    assert context.check_hostname is checked
    assert context.verify_mode is ssl.CERT_REQUIRED
