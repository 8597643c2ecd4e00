"""Reaching an instance by its address."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dubhe_sdk.contract.requests import RequestType
from dubhe_simulator.client.base import Client, NoAnswer
from dubhe_simulator.client.http import HttpClient
from dubhe_simulator.client.tcp import TcpClient
from dubhe_simulator.contract import payloads
from dubhe_simulator.i18n import translate

TIMEOUT_S = 3600.0  # an inference takes what it takes
PROBE_TIMEOUT_S = 5.0
ASKING = "?"  # an instance in platform mode refuses it, and names itself in doing so

_NAMES_ITSELF = re.compile(r"different from ENV INSTANCE_ID \[(.+)\]!")
_URL = re.compile(r"(?:(http|tcp)://)?(\[[^\]]+\]|[^:/\s]+):(\d{1,5})/?")


@dataclass(frozen=True)
class Address:
    """Where an instance serves.

    Attributes:
        protocol: ``http`` or ``tcp``.
        host: name or IP address.
        port: from 1 to 65535.
    """

    protocol: str
    host: str
    port: int

    @property
    def text(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"

    def client(self) -> Client:
        """Return a client; it connects with its first request."""
        client = HttpClient if self.protocol == "http" else TcpClient
        return client(self.host.strip("[]"), self.port)


@dataclass(frozen=True)
class Answer:
    """What became of a request: a reply, or an error in words; and the milliseconds it took."""

    reply: dict[str, Any] | None
    error: str | None
    ms: float


def parse_address(text: str, protocol: str = "http") -> Address:
    """Read ``[http://|tcp://]host:port``.

    Raises:
        ValueError: it is none; the text says what is expected.
    """
    match = _URL.fullmatch(text.strip())
    if match is None or not 0 < int(match[3]) < 65536:
        raise ValueError(translate("ui_bad_address", address=text))
    return Address(match[1] or protocol, match[2], int(match[3]))


def ask(address: Address, body: Mapping[str, Any], timeout: float = TIMEOUT_S) -> Answer:
    """Send one request on a connection of its own."""
    client = address.client()
    begun = time.monotonic()
    try:
        reply, error = client.request(body, timeout), None
    except NoAnswer as problem:
        reply, error = None, str(problem)
    finally:
        client.close()
    return Answer(reply, error, round((time.monotonic() - begun) * 1000, 2))


def is_request(body: Mapping[str, Any]) -> bool:
    """Whether a body has one of the four types, so that there is a route for it."""
    value = body.get("req_type")
    return isinstance(value, int) and not isinstance(value, bool) and value in set(RequestType)


def name_of(address: Address) -> str | None:
    """Return the INSTANCE_ID behind an address; None if it does not tell (manual mode).

    Raises:
        NoAnswer: nobody answers there.
    """
    answer = ask(address, payloads.heartbeat(ASKING), PROBE_TIMEOUT_S)
    if answer.reply is None:
        raise NoAnswer(answer.error)
    return name_in(str(answer.reply.get("message", "")))


def name_in(refusal: str) -> str | None:
    """Return the INSTANCE_ID that an instance tells as it refuses a heartbeat for another."""
    match = _NAMES_ITSELF.search(refusal)
    return match[1] if match else None
