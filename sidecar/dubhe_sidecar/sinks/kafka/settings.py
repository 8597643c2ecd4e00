"""Environment → how to reach the cluster.

====================================  ====================================================
``BOOTSTRAP_SERVERS``                 ``host:port[,host:port…]``
``KAFKA_SECURITY_PROTOCOL``           ``PLAINTEXT`` (default), ``SSL``, ``SASL_PLAINTEXT``,
                                      ``SASL_SSL``
``KAFKA_SASL_MECHANISM``              ``PLAIN`` (default), ``SCRAM-SHA-256``, ``SCRAM-SHA-512``
``KAFKA_SASL_USERNAME``
``KAFKA_SASL_PASSWORD``               or ``KAFKA_SASL_PASSWORD_FILE``: a file that holds it
``KAFKA_SSL_CAFILE``                  authorities that may sign the brokers' certificates;
                                      without it those of the system
``KAFKA_SSL_CERTFILE``                certificate of this client, PEM, with
``KAFKA_SSL_KEYFILE``                 its key, and if that is encrypted
``KAFKA_SSL_KEY_PASSWORD``            or ``KAFKA_SSL_KEY_PASSWORD_FILE``
``KAFKA_SSL_CHECK_HOSTNAME``          ``true`` (default) or ``false``
``KAFKA_ENABLE_IDEMPOTENCE``          ``true`` (default) or ``false``, which is without the
                                      broker's check for duplicates
====================================  ====================================================

Blanks around a value are ignored; an empty one counts as unset. An error names the variable,
what was found and what is expected, and never shows a secret.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dubhe_sdk.environment import with_port
from dubhe_sdk.errors import EnvironmentInvalid

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
SASL = ("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
TLS = (
    "KAFKA_SSL_CAFILE",
    "KAFKA_SSL_CERTFILE",
    "KAFKA_SSL_KEYFILE",
    "KAFKA_SSL_KEY_PASSWORD",
    "KAFKA_SSL_CHECK_HOSTNAME",
)


class SettingsError(EnvironmentInvalid, ValueError):
    """A setting is missing or malformed. The text names it."""


class Server(tuple[str, int]):
    """A broker's ``(host, port)``; its text is ``host:port``."""

    __slots__ = ()

    def __str__(self) -> str:
        host, port = self
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True)
class KafkaSettings:
    """How to reach the cluster. Its ``repr`` holds no secret."""

    servers: tuple[Server, ...]
    protocol: str = "PLAINTEXT"
    mechanism: str = "PLAIN"
    username: str = ""
    password: str = field(default="", repr=False)
    cafile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    key_password: str | None = field(default=None, repr=False)
    check_hostname: bool = True
    password_file: str | None = None
    """If given, `client` reads the password from there each time: it may be corrected."""
    key_password_file: str | None = None
    """The same for the key's."""
    idempotent: bool = True
    """Whether the broker drops what a repeated request brings twice. Brokers before 2.8 with ACLs
    want IdempotentWrite on the cluster for it, beside Write on the topic. Without it a message may
    arrive twice when the answer to a request is lost."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> KafkaSettings:
        """Read the variables named in the module's text.

        Raises:
            SettingsError: one is missing or malformed.
        """
        found = {name: value.strip() for name, value in environ.items() if value.strip()}
        protocol = _choice(found, "KAFKA_SECURITY_PROTOCOL", PROTOCOLS)
        secrets = {name: _secret(found, name) for name in ("KAFKA_SASL_PASSWORD", TLS[3])}
        given = set(found) | {name for name, secret in secrets.items() if secret}
        if not protocol.startswith("SASL_"):
            _unused(given, SASL, protocol, "SASL_PLAINTEXT or SASL_SSL")
        elif missing := [name for name in SASL[1:] if name not in given]:
            raise SettingsError(
                f"{missing[0]} is not set; KAFKA_SECURITY_PROTOCOL={protocol} needs it"
            )
        if not protocol.endswith("SSL"):
            _unused(given, TLS, protocol, "SSL or SASL_SSL")
        settings = cls(
            servers=servers(found.get("BOOTSTRAP_SERVERS", "")),
            protocol=protocol,
            mechanism=_choice(found, "KAFKA_SASL_MECHANISM", MECHANISMS),
            username=found.get("KAFKA_SASL_USERNAME", ""),
            password=secrets["KAFKA_SASL_PASSWORD"] or "",
            password_file=found.get("KAFKA_SASL_PASSWORD_FILE"),
            key_password_file=found.get("KAFKA_SSL_KEY_PASSWORD_FILE"),
            cafile=_file(found, "KAFKA_SSL_CAFILE"),
            certfile=_file(found, "KAFKA_SSL_CERTFILE"),
            keyfile=_file(found, "KAFKA_SSL_KEYFILE"),
            key_password=secrets["KAFKA_SSL_KEY_PASSWORD"],
            check_hostname=_truth(found, "KAFKA_SSL_CHECK_HOSTNAME"),
            idempotent=_truth(found, "KAFKA_ENABLE_IDEMPOTENCE"),
        )
        if settings.keyfile and not settings.certfile:
            raise SettingsError("KAFKA_SSL_KEYFILE is set but KAFKA_SSL_CERTFILE is not; set both")
        settings.tls()  # malformed files show now, not at the first connection
        return settings

    @property
    def names(self) -> str:
        """``host:port,host:port``."""
        return ",".join(map(str, self.servers))

    def tls(self) -> ssl.SSLContext | None:
        """Return the context for TLS, or None where none is spoken.

        Raises:
            SettingsError: a file holds something else than it should.
        """
        if not self.protocol.endswith("SSL"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.cafile)
        except (ssl.SSLError, OSError) as error:
            raise SettingsError(
                f"KAFKA_SSL_CAFILE: {self.cafile} holds no certificates in PEM ({error})"
            ) from error
        context.check_hostname = self.check_hostname
        if self.certfile:
            # An empty answer where no password is given: otherwise OpenSSL asks on the terminal.
            secret = self.key_password or ""
            if self.key_password_file:
                secret = _read(TLS[3], self.key_password_file)
            try:
                context.load_cert_chain(self.certfile, self.keyfile, password=lambda: secret)
            except (ssl.SSLError, OSError) as error:
                raise SettingsError(
                    f"KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE: {self.certfile} and "
                    f"{self.keyfile or self.certfile} are not a certificate in PEM and its key, "
                    f"or KAFKA_SSL_KEY_PASSWORD does not open the key ({error})"
                ) from error
        return context

    def client(self) -> dict[str, Any]:
        """Return what every client of kafka-python needs; files are read again each time.

        Raises:
            SettingsError: a file cannot be read, or holds something else than it should.
        """
        config: dict[str, Any] = {
            "bootstrap_servers": [str(server) for server in self.servers],
            "security_protocol": self.protocol,
            "ssl_context": self.tls(),
        }
        if self.protocol.startswith("SASL_"):
            password = self.password
            if self.password_file:
                password = _read(SASL[2], self.password_file)
            config |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": password,
            }
        return config


def servers(text: str) -> tuple[Server, ...]:
    """Parse ``host[:port][,host[:port]…]``, port 9092 by default; blanks around parts are ignored.

    Raises:
        SettingsError: it is empty or a part is malformed.
    """
    expected = "expected host[:port][,host[:port]…], for example 10.0.0.5:9092"
    parts = [with_port(part.strip()) for part in text.split(",") if part.strip()]
    if not parts:
        raise SettingsError(f"BOOTSTRAP_SERVERS is not set; {expected}")
    found = []
    for part in parts:
        host, colon, port = part.rpartition(":")
        bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        sound = colon and bare and not any(c.isspace() or c in "/@" for c in bare)
        sound = sound and (":" not in bare or bare != host)
        if not (sound and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise SettingsError(f"BOOTSTRAP_SERVERS: found {part!r}; {expected}")
        found.append(Server((bare, int(port))))
    return tuple(found)


def _choice(
    found: Mapping[str, str], name: str, choices: tuple[str, ...], *, ignore_case: bool = False
) -> str:
    value = found.get(name, choices[0])
    wanted = value.lower() if ignore_case else value.upper()
    if wanted not in choices:
        raise SettingsError(f"{name}: found {value!r}; expected one of {', '.join(choices)}")
    return wanted


def _truth(found: Mapping[str, str], name: str) -> bool:
    """Return a switch that is on by default."""
    return TRUTHS[_choice(found, name, tuple(TRUTHS), ignore_case=True)]


def _file(found: Mapping[str, str], name: str) -> str | None:
    value = found.get(name)
    if value is not None and not Path(value).is_file():
        raise SettingsError(f"{name}: found {value!r}; expected a file, and there is none")
    return value


def _secret(found: Mapping[str, str], name: str) -> str | None:
    path = _file(found, f"{name}_FILE")
    if path is None:
        return found.get(name)
    if name in found:
        raise SettingsError(f"{name} and {name}_FILE are both set; set one of them")
    return _read(name, path)


def _read(name: str, path: str) -> str:
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{name}_FILE: {path} cannot be read: {reason}") from None
    if not secret:
        raise SettingsError(f"{name}_FILE: {path} is empty; expected the secret in it")
    return secret


def _unused(given: set[str], names: tuple[str, ...], protocol: str, expected: str) -> None:
    """Refuse what would silently have no effect: it was meant to protect something."""
    for name in names:
        if name in given:
            raise SettingsError(
                f"{name} is set but KAFKA_SECURITY_PROTOCOL is {protocol}, which does not use it; "
                f"expected {expected}"
            )
