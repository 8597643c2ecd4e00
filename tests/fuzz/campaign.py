"""A number of inputs against one real service, and what must hold all the while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.dubhe_sdk.service.harness import INFERENCE_ID, App
from tests.fuzz import http, tcp
from tests.fuzz.payloads import LIMIT
from tests.fuzz.slow import IDLE_SECONDS, TRANSFER_SECONDS, SlowClients
from tests.fuzz.watch import Heartbeats, connections, resident
from tests.support.waiting import wait_for

SESSIONS: dict[str, Callable[[int, Random], int]] = {"tcp": tcp.session, "http": http.session}
SOURCE = """
import dubhe_sdk

@dubhe_sdk.pipeline()
class Model:
    def __init__(self, ctx):
        pass

    @dubhe_sdk.inference()
    def infer(self, ctx):
        return ctx.get("image_names")
"""
_CLIENTS = 2
# Memory is compared from here on: before, allocators and caches find their size.
_SETTLED_SHARE = 0.2
GROWTH_KIB = 16 * 1024


@dataclass
class Report:
    """Figures of one run."""

    protocol: str
    inputs: int = 0
    connections: int = 0
    seconds: float = 0.0
    memory: list[tuple[int, dict[str, int]]] = field(default_factory=list)
    """KiB by part after so many inputs."""
    heartbeats: list[float] = field(default_factory=list)
    slow_closed: int = 0
    slow_longest: float = 0.0


class Campaign:
    """Runs sessions until enough inputs were sent.

    Args:
        seed: of all random choices; session N is made from ``seed``, the protocol and N alone.
        inputs: how many payloads, sound or not.
        tell: called with a line for people now and then.
    """

    def __init__(
        self, protocol: str, seed: int, inputs: int, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._session = SESSIONS[protocol]
        self._seed = seed
        self._wanted = inputs
        self._tell = tell
        self._lock = threading.Lock()
        self._next = 0
        self._failure: BaseException | None = None
        self.report = Report(protocol)

    def run(self, folder: Path, first: int = 0) -> Report:
        """Run against a service in a folder. ``first`` is the first session's number.

        Raises:
            AssertionError: something that must hold did not; the text names the session.
        """
        self._next = first
        env = {
            "DUBHE_MAX_REQUEST_BYTES": str(LIMIT),
            "DUBHE_TRANSFER_TIMEOUT_SECONDS": str(TRANSFER_SECONDS),
            "DUBHE_IDLE_TIMEOUT_SECONDS": str(IDLE_SECONDS),
        }
        with App(folder, SOURCE, INFERENCE_ID, self.report.protocol, env) as app:
            app.start()
            before = app.marked.living()
            heartbeats = Heartbeats(app)
            slow = SlowClients(app.port, self.report.protocol)
            began = time.monotonic()
            self._run_clients(app)
            self.report.seconds = time.monotonic() - began
            slow.stop()
            self.report.slow_closed, self.report.slow_longest = slow.closed, slow.longest
            wait_for(
                lambda: connections(app.port) <= 1,  # the heartbeat's
                lambda: f"{connections(app.port)} connections are stuck",
                timeout=60,
            )
            heartbeats.stop()
            self.report.heartbeats = heartbeats.seconds
            assert app.marked.living() == before, f"{before} became {app.marked.living()}"
            assert "Traceback" not in app.console, app.console[-5000:]
            self._check_memory()
        return self.report

    def _run_clients(self, app: App) -> None:
        threads = [threading.Thread(target=self._be_client, args=(app,)) for _ in range(_CLIENTS)]
        for thread in threads:
            thread.start()
        tenth = max(1, self._wanted // 10)
        while any(thread.is_alive() for thread in threads):
            threads[0].join(0.05)
            threads[-1].join(0.05)
            if self.report.inputs >= len(self.report.memory) * tenth:
                self._note_memory(app)
        self._note_memory(app)
        if self._failure is not None:
            raise self._failure

    def _be_client(self, app: App) -> None:
        while self.report.inputs < self._wanted and self._failure is None:
            with self._lock:
                number, self._next = self._next, self._next + 1
            try:
                sent = self._session(
                    app.port, Random(f"{self._seed} {self.report.protocol} {number}")
                )
            except BaseException as error:  # noqa: BLE001 - raised by the main thread
                self._failure = AssertionError(
                    f"{self.report.protocol} session {number} of seed {self._seed}: {error!r}"
                )
                self._failure.__cause__ = error
                return
            with self._lock:
                self.report.inputs += sent
                self.report.connections += 1

    def _note_memory(self, app: App) -> None:
        used = resident(app)
        self.report.memory.append((self.report.inputs, used))
        parts = ", ".join(f"{name} {kib / 1024:.1f} MiB" for name, kib in sorted(used.items()))
        self._tell(f"{self.report.protocol}: {self.report.inputs} inputs; {parts}")

    def _check_memory(self) -> None:
        settled = [m for n, m in self.report.memory if n >= self._wanted * _SETTLED_SHARE]
        for part in settled[0]:
            grown = settled[-1][part] - settled[0][part]
            assert grown < GROWTH_KIB, f"{part} grew by {grown} KiB: {self.report.memory}"
