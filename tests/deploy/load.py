"""A steady load of inferences, as clients with kept connections cause it.

It comes from a process of its own: whatever else a test does, such as reading what a cluster says,
must not delay it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import urllib3

from dubhe_sdk.contract.requests import FLAG_OK

CLIENTS = 10
TIMEOUT_S = 30.0


@dataclass
class Outcomes:
    """What became of the requests so far.

    Attributes:
        seconds: of each answered one, from when it was due to its reply.
        failures: what happened to the others.
    """

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many requests there were."""
        return len(self.seconds) + len(self.failures)

    def p99_ms(self) -> float:
        """Return what 99 of 100 take at most, in milliseconds."""
        return 1000 * sorted(self.seconds)[int(0.99 * (len(self.seconds) - 1))]


class Load:
    """Sends requests at a rate, whatever becomes of them; use it as a context manager.

    Each client keeps its connection. It opens another one if the server has closed it, and repeats
    no request.

    Args:
        url: of the service.
        request: what is sent.
        rate: requests a second, of all clients together.
    """

    def __init__(self, url: str, request: dict[str, Any], rate: float) -> None:
        self._command = [
            *(sys.executable, str(Path(__file__))),
            *(f"{url}/predict/multiple", json.dumps(request), str(rate)),
        ]
        self._outcomes = Outcomes()
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> Load:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._reader.join()
        self._process.wait()
        self._process.stdout.close()

    @property
    def count(self) -> int:
        """How many requests have ended since the last `take`."""
        with self._lock:
            return self._outcomes.count

    def take(self) -> Outcomes:
        """Return what became of the requests since the last call."""
        with self._lock:
            found, self._outcomes = self._outcomes, Outcomes()
        return found

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            seconds, failure = json.loads(line)
            with self._lock:
                if failure is None:
                    self._outcomes.seconds.append(seconds)
                else:
                    self._outcomes.failures.append(failure)


# --- the process ----------------------------------------------------------------------------------


class _Clients:
    """Send until standard input ends; each outcome is a line: seconds, and what went wrong."""

    def __init__(self, url: str, body: bytes, rate: float) -> None:
        self._url, self._body, self._rate = url, body, rate
        self._begun = time.monotonic()
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._send_all, args=(number,)) for number in range(CLIENTS)
        ]

    def run(self) -> None:
        for thread in self._threads:
            thread.start()
        sys.stdin.read()
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _send_all(self, number: int) -> None:
        due = self._begun + number / self._rate
        with urllib3.PoolManager(retries=False, timeout=TIMEOUT_S) as pool:
            while not self._end.wait(max(0.0, due - time.monotonic())):
                failure = self._send(pool)
                taken = time.monotonic() - due
                if failure is not None:
                    failure = f"{due - self._begun:.2f} s: {failure}"
                print(json.dumps([taken, failure]) + "\n", end="", flush=True)
                due += CLIENTS / self._rate

    def _send(self, pool: urllib3.PoolManager) -> str | None:
        """Return None if a request was answered well, else what happened."""
        headers = {"Content-Type": "application/json"}
        try:
            reply = pool.request("POST", self._url, body=self._body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            return repr(error)
        if reply.status != 200 or json.loads(reply.data)["flag"] != FLAG_OK:
            return f"{reply.status} {reply.data!r}"
        return None


if __name__ == "__main__":
    _Clients(sys.argv[1], sys.argv[2].encode(), float(sys.argv[3])).run()
