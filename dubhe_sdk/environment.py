"""The container's environment, read once and checked: `Settings`.

Sections 1 of the contract (the platform's variables) and this project's own, which all begin
with ``DUBHE_``. Surrounding blanks in values are ignored; an empty value counts as unset.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dubhe_sdk.contract.kind import TaskKind, kind_of
from dubhe_sdk.errors import EnvironmentInvalid

T = TypeVar("T")

DEFAULT_PORT = 8030
DEFAULT_BROKER_PORT = 9092
_HOST = re.compile(r"[a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+(%[a-zA-Z0-9._-]+)?\]")
# What Kubernetes, and Docker's legacy links, put into every container of a namespace: for a Service
# called dubhe-metrics, DUBHE_METRICS_PORT=tcp://10.0.0.1:9090.
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://(\[[0-9a-fA-F:.]+\]|[^\s/\[\]]+):[0-9]+")
_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
DEFAULT_TOPIC_STATUS = "alg_model_progress"
DEFAULT_TOPIC_RESULT = "als_model_result"
PROTOCOLS = ("http", "tcp")
# Names the run of `dubhe launch` to all processes below it: a parent with a sidecar is above them.
LAUNCH_VARIABLE = "DUBHE_LAUNCHED"
# Of the sidecar, and of no process beside it.
SECRETS = ("KAFKA_SASL_PASSWORD", "KAFKA_SSL_KEY_PASSWORD")

MIB = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """The environment, checked and typed.

    ``instance_id`` and ``kind`` are None in manual mode until the algorithm's own classes show
    which kind they serve; everything else is complete.
    """

    platform_mode: bool
    port: int
    protocol: str
    bootstrap_servers: str | None
    topic_status: str
    topic_result: str
    instance_id: str | None
    kind: TaskKind | None
    temporary: Path
    """Root of the SDK's files: ``log/``, ``debug/``, ``spool/`` and ``journal/`` lie below."""
    spool: Path
    model_path: str | None = None
    rely_model_data: dict[str, Any] | None = None
    special_params: dict[str, Any] | None = None

    @property
    def log_file(self) -> Path:
        """The log that section 2 of the contract names."""
        return self.temporary / "log" / "dubhe.log"

    @property
    def tmp_dir(self) -> Path:
        """`ContextKey.KEY_TMP_DIR`."""
        return self.temporary / "debug"

    @property
    def journal(self) -> Path:
        """Where the embedded journal lies, which takes Kafka's place when no brokers are named."""
        return self.temporary / "journal"

    def describe(self) -> str:
        """Return for people where the service listens, and where its messages go."""
        if self.bootstrap_servers is None:
            goal = f"the embedded journal {self.journal}"
        else:
            topics = dict.fromkeys((self.topic_status, self.topic_result))
            goal = f"Kafka {self.bootstrap_servers}, {' and '.join(topics)}"
        return f"{self.protocol} on 0.0.0.0:{self.port}; messages go to {goal}"


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read and check the environment.

    Raises:
        EnvironmentInvalid: a variable is missing or malformed; the text names it.
    """
    env = os.environ if environ is None else environ
    platform_mode = text(env, "PLATFORM_TYPE") == "1"
    if platform_mode:
        for name in ("PORT", "BOOTSTRAP_SERVERS", "TOPIC_MODEL_STATUS", "TOPIC_MODEL_RESULT"):
            _require(env, name)
        _require(env, "INSTANCE_ID")
    protocol = (text(env, "protocol") or "tcp").lower()
    if protocol not in PROTOCOLS:
        raise EnvironmentInvalid(
            f"environment variable protocol is {protocol!r}, expected 'http' or 'tcp': "
            'write `export protocol="http"` in run.sh'
        )
    instance_id = text(env, "INSTANCE_ID")
    temporary, spool = directories(env)
    return Settings(
        platform_mode=platform_mode,
        port=number(env, "PORT", DEFAULT_PORT, low=1, high=65535),
        protocol=protocol,
        bootstrap_servers=brokers(env),
        topic_status=_topic(env, "TOPIC_MODEL_STATUS", DEFAULT_TOPIC_STATUS),
        topic_result=_topic(env, "TOPIC_MODEL_RESULT", DEFAULT_TOPIC_RESULT),
        instance_id=instance_id,
        kind=_kind(instance_id),
        temporary=temporary,
        spool=spool,
        model_path=text(env, "model_path"),
        rely_model_data=json_object(env, "RELY_MODEL_DATA"),
        special_params=json_object(env, "special_params"),
    )


def directories(env: Mapping[str, str]) -> tuple[Path, Path]:
    """Return the root of the SDK's files, and the spool's directory.

    Checks nothing else, so that it serves processes that run beside a service too.
    """
    temporary = _temporary(env, text(env, "PLATFORM_TYPE") == "1")
    spool = text(env, "DUBHE_SPOOL_DIR")
    return temporary, Path(spool).absolute() if spool else temporary / "spool"


def text(env: Mapping[str, str], name: str) -> str | None:
    """Return the variable without surrounding blanks, or None if it is unset or empty.

    Also None if it is a service link, which nobody has set: see `is_service_link`.
    """
    if is_service_link(env, name):
        return None
    return env.get(name, "").strip() or None


def is_service_link(env: Mapping[str, str], name: str) -> bool:
    """Return whether Kubernetes has set the variable, for a Service whose name happens to fit.

    Example:
        >>> is_service_link({"DUBHE_METRICS_PORT": "tcp://10.0.0.1:9090"}, "DUBHE_METRICS_PORT")
        True
    """
    return name.endswith("_PORT") and _SERVICE_LINK.fullmatch(env.get(name, "").strip()) is not None


def number(env: Mapping[str, str], name: str, default: int, *, low: int, high: int) -> int:
    """Return a whole number within ``low … high``.

    Raises:
        EnvironmentInvalid: it is not a number, or out of range.
    """
    return _parsed(env, name, default, int, f"a whole number from {low} to {high}", low, high)


def seconds(
    env: Mapping[str, str], name: str, default: float, *, low: float = 0.0, high: float = 86400.0
) -> float:
    """Return a duration in seconds, within ``low … high``; ``low`` is the least that can work.

    Raises:
        EnvironmentInvalid: it is not a number, or out of range.
    """
    return _parsed(env, name, default, float, f"seconds from {low:g} to {high:g}", low, high)


def flag(env: Mapping[str, str], name: str) -> bool:
    """Return whether it is set to 1; unset or 0 is no.

    Raises:
        EnvironmentInvalid: it is something else.

    Example:
        >>> flag({"DUBHE_ONCE": "1"}, "DUBHE_ONCE")
        True
    """
    return _parsed(env, name, False, {"0": False, "1": True}.get, "0 or 1", False, True)


def json_object(env: Mapping[str, str], name: str) -> dict[str, Any] | None:
    """Return a JSON object, or None if the variable is unset.

    Raises:
        EnvironmentInvalid: it is not JSON, or not an object.
    """
    raw = text(env, name)
    if raw is None:
        return None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise EnvironmentInvalid(
            f"environment variable {name} is {_short(raw)}, expected a JSON object: {error}"
        ) from None
    if not isinstance(value, dict):
        raise EnvironmentInvalid(
            f"environment variable {name} is {_short(raw)}, expected a JSON object like "
            '{"name": "value"}'
        )
    return value


def brokers(env: Mapping[str, str]) -> str | None:
    """Return ``BOOTSTRAP_SERVERS`` as ``host:port[,host:port…]``, or None if it is unset.

    An entry without a port gets Kafka's usual one, 9092.

    Raises:
        EnvironmentInvalid: an entry is not ``host[:port]``.
    """
    raw = text(env, "BOOTSTRAP_SERVERS")
    if raw is None:
        return None
    entries = [entry.strip() for entry in raw.split(",") if entry.strip()]
    for entry in entries:
        host, colon, port = with_port(entry).rpartition(":")
        sound = _HOST.fullmatch(host) and port.isascii() and port.isdecimal()
        if not (sound and colon and 0 < int(port) < 65536):
            raise EnvironmentInvalid(
                f"environment variable BOOTSTRAP_SERVERS contains {entry!r}, expected host[:port], "
                "several separated by commas"
            )
    return ",".join(map(with_port, entries)) or None


def with_port(broker: str) -> str:
    """Return ``host:port`` for ``host``; an IPv6 address has to be in brackets."""
    alone = ":" not in broker or (broker.startswith("[") and broker.endswith("]"))
    return f"{broker}:{DEFAULT_BROKER_PORT}" if alone else broker


def _require(env: Mapping[str, str], name: str) -> None:
    if text(env, name) is None:
        raise EnvironmentInvalid(
            f"environment variable {name} is missing or empty: the platform (PLATFORM_TYPE=1) "
            "must set it; leave PLATFORM_TYPE unset to run by hand"
        )


def is_topic_name(name: str) -> bool:
    """Return whether Kafka accepts it as a topic's name: ``Topic.validate`` of its clients."""
    return _TOPIC_NAME.fullmatch(name) is not None and name not in (".", "..")


def _topic(env: Mapping[str, str], name: str, default: str) -> str:
    found = text(env, name) or default
    if not is_topic_name(found):
        raise EnvironmentInvalid(
            f"environment variable {name} is {_short(found)}, expected the name of a Kafka topic: "
            "1 to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-'"
        )
    return found


def _kind(instance_id: str | None) -> TaskKind | None:
    if instance_id is None:
        return None
    try:
        return kind_of(instance_id)
    except ValueError as error:
        raise EnvironmentInvalid(
            f"environment variable INSTANCE_ID is {_short(instance_id)}: it {error}"
        ) from None


def _temporary(env: Mapping[str, str], platform_mode: bool) -> Path:
    """``/temporary``, as the contract says; by hand and not writable: a folder beside the app."""
    chosen = text(env, "DUBHE_TEMPORARY")
    if chosen:
        return Path(chosen).absolute()
    standard = Path("/temporary")
    if platform_mode or _can_write(standard):
        return standard
    return Path.cwd() / "temporary"


def _can_write(folder: Path) -> bool:
    existing = folder if folder.exists() else folder.parent
    return os.access(existing, os.W_OK | os.X_OK)


def _parsed(
    env: Mapping[str, str],
    name: str,
    default: T,
    parse: Callable[[str], T | None],
    expected: str,
    low: Any,
    high: Any,
) -> T:
    raw = text(env, name)
    if raw is None:
        return default
    value: T | None
    try:
        value = parse(raw)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise EnvironmentInvalid(
            f"environment variable {name} is {_short(raw)}, expected {expected}"
        )
    return value


def _short(value: str) -> str:
    return repr(value if len(value) <= 80 else value[:77] + "...")
