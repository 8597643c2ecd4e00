"""Clients that ask again as soon as they have their reply: how quick an instance is."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dubhe_sdk.contract.requests import FLAG_OK
from dubhe_simulator.client.address import Address
from dubhe_simulator.client.base import NoAnswer

_PROGRESS_S = 1.0


@dataclass
class Load:
    """What clients have seen.

    Attributes:
        ms: milliseconds of each request that was answered well.
        failures: why the others failed → how many.
        seconds: from the first request to the last reply.
    """

    ms: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Requests a second that were answered well."""
        return len(self.ms) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Return the milliseconds within which this share of the replies came.

        Args:
            share: above 0, up to 1.

        Raises:
            IndexError: no request was answered well.
        """
        return sorted(self.ms)[math.ceil(share * len(self.ms)) - 1]


def load(
    address: Address,
    body: Mapping[str, Any],
    clients: int,
    requests: int,
    timeout: float,
    progress: Callable[[int], None],
) -> Load:
    """Send a request again and again, each client on a connection of its own.

    Args:
        address: of the instance.
        body: the request.
        clients: how many ask at once.
        requests: how many all of them send together.
        timeout: seconds to wait for a reply.
        progress: called about once a second with the number of replies so far.
    """
    seen, left, lock = Load(), iter(range(requests)), threading.Lock()

    def ask_again() -> None:
        client = address.client()
        try:
            while True:
                with lock:
                    if next(left, None) is None:
                        return
                begun = time.perf_counter()
                try:
                    reply = client.request(body, timeout)
                    failure = None if reply.get("flag") == FLAG_OK else str(reply.get("message"))
                except NoAnswer as error:
                    failure = str(error)
                took = (time.perf_counter() - begun) * 1000
                with lock:
                    if failure is None:
                        seen.ms.append(took)
                    else:
                        seen.failures[failure] += 1
        finally:
            client.close()

    begun = time.perf_counter()
    # Daemons: Ctrl-C need not wait for the replies.
    threads = [threading.Thread(target=ask_again, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(_PROGRESS_S)
            if thread.is_alive():
                progress(len(seen.ms) + seen.failures.total())
    seen.seconds = time.perf_counter() - begun
    return seen
