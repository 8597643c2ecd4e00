"""The token of the page: set by its owner, or made at the start if other machines reach it."""

from __future__ import annotations

import argparse
import ipaddress
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dubhe_sdk.environment import text
from dubhe_simulator.errors import CannotStart
from dubhe_simulator.i18n import translate

VARIABLE = "DUBHE_UI_TOKEN"
FILE_VARIABLE = "DUBHE_UI_TOKEN_FILE"
SHORTEST = 8  # characters
MADE_BYTES = 24


@dataclass(frozen=True)
class PageToken:
    """What the page demands.

    Attributes:
        value: the token; None if it demands nothing.
        was_set: whether its owner set it, and so knows it.
    """

    value: str | None
    was_set: bool

    def link(self, url: str) -> str:
        """Return an address of the page at which a browser need not be asked for it."""
        return url if self.value is None else f"{url}/?token={quote(self.value, safe='')}"


def token_of(given: argparse.Namespace, host: str) -> PageToken:
    """Return the token that the page is to demand.

    Args:
        given: the options ``token`` and ``token_file``; the variables of the same names come next.
        host: the address to listen on. Beyond loopback there is always a token.

    Raises:
        CannotStart: the file cannot be read, or the token is too short.
    """
    token, name = _set_token(given)
    if token is None:
        made = None if is_loopback(host) else secrets.token_urlsafe(MADE_BYTES)
        return PageToken(made, was_set=False)
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise CannotStart(translate("ui_bad_token", name=name, length=SHORTEST))
    return PageToken(token, was_set=True)


def is_loopback(host: str) -> bool:
    """Return whether this machine alone reaches an address. A name but localhost may be anything.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
        (True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _set_token(given: argparse.Namespace) -> tuple[str | None, str]:
    file = given.token_file or text(os.environ, FILE_VARIABLE)
    if given.token is not None:
        return given.token, "--token"
    if given.token_file is None and (token := text(os.environ, VARIABLE)) is not None:
        return token, VARIABLE
    if file is None:
        return None, ""
    try:
        return Path(file).read_text("utf-8").strip(), str(file)
    except (OSError, ValueError) as error:
        raise CannotStart(translate("ui_no_token_file", file=file, error=error)) from error
