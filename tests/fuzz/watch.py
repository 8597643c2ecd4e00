"""What is looked at while hostile bytes come in: heartbeats, processes, memory, connections."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tests.dubhe_sdk.service.harness import INFERENCE_ID, App
from tests.support.clients import CLIENTS

_INTERVAL_SECONDS = 0.1
_ESTABLISHED_OR_STUCK = {"01", "08"}  # tcp_states.h: ESTABLISHED, CLOSE_WAIT


class Heartbeats:
    """Asks on a connection of its own, ten times a second."""

    def __init__(self, app: App) -> None:
        self._client = CLIENTS[app.protocol](app.port)
        self._over = threading.Event()
        self.seconds: list[float] = []
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; raise what went wrong."""
        self._over.set()
        self._thread.join()
        self._client.close()
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self._over.wait(_INTERVAL_SECONDS):
                began = time.perf_counter()
                reply = self._client.send({"req_type": 0, "instance_id": INFERENCE_ID})
                self.seconds.append(time.perf_counter() - began)
                assert reply == {"flag": 1, "message": "service online"}, reply
        except BaseException as error:  # noqa: BLE001 - raised by `stop`
            self.failure = error


def resident(app: App) -> dict[str, int]:
    """Return KiB of resident memory by part: web (arbiter and worker), serve, model."""
    found: dict[str, int] = {}
    for pid, line in app.marked.living().items():
        part = next((p for p in ("web", "serve", "model") if f"dubhe.py {p} " in line), None)
        if part is not None:
            status = Path(f"/proc/{pid}/status").read_text()
            (rss,) = [row.split()[1] for row in status.splitlines() if row.startswith("VmRSS")]
            found[part] = found.get(part, 0) + int(rss)
    return found


def connections(port: int) -> int:
    """Return how many connections the service holds, as the kernel counts."""
    count = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local = int(fields[1].rpartition(":")[2], 16)
        count += local == port and fields[3] in _ESTABLISHED_OR_STUCK
    return count
