"""What `dubhe status` reports about an instance's spool: messages reported, and their delivery."""

from __future__ import annotations

import json
import stat
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from dubhe_sdk.process.command import support_command
from dubhe_sdk.process.readable import wait_readable

REFRESH_INTERVAL_S = 3.0
TIMEOUT_S = 20.0
SHARED_TIMEOUT_S = 5.0


class StatusProcess:
    """``dubhe status --each``: one process that answers for several spools.

    It is started by the first question, and again if it has died; it ends with this process, whose
    end closes its standard input. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, spool: Path, timeout: float = TIMEOUT_S) -> Any:
        """Return what it answers.

        Args:
            spool: the spool's directory.
            timeout: seconds to wait for the answer, once those before have theirs.

        Raises:
            OSError: it cannot be started, has died, or does not answer in time.
            ValueError: what it answers is not JSON.
        """
        with self._lock:
            process = self._running()
            try:
                return json.loads(
                    _exchange(process, json.dumps(str(spool)).encode() + b"\n", timeout)
                )
            except BaseException:
                # The rest of this answer must not be taken for the next one.
                self._end(process)
                raise

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            if self._process is not None:
                self._end(self._process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        self._process = None
        process.kill()
        process.communicate()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [*support_command(), "status", "--each"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,  # Ctrl-C is not for it
            )
        return self._process


class StatusProcesses:
    """Answers for all spools: one process does, but for those that keep it from the others.

    A spool on a disk that hangs holds up whoever reads it. It is asked for by a process of its own
    until that has answered. Thread-safe.
    """

    def __init__(self) -> None:
        self._shared = StatusProcess()
        self._own: dict[Path, StatusProcess] = {}

    def ask(self, spool: Path) -> Any:
        """Return the status of a spool; as `StatusProcess.ask`."""
        own = self._own.get(spool)
        if own is None:
            try:
                return self._shared.ask(spool, SHARED_TIMEOUT_S)
            except TimeoutError:
                own = self._own.setdefault(spool, StatusProcess())
        answer = own.ask(spool)
        own.close()
        self._own.pop(spool, None)
        return answer


_STATUS = StatusProcesses()


def query(spool: Path) -> dict[str, Any] | None:
    """Return what ``dubhe status --json`` prints; None if there is no spool, or it fails.

    An empty folder is none yet: it is where a container would have made its spool.

    Raises:
        OSError: nobody may look there.
    """
    if not _is_there(spool) or not any(spool.iterdir()):
        return None
    try:
        status = _STATUS.ask(spool)
    except (OSError, ValueError):
        return None
    return status if isinstance(status, dict) else None


def reported_count(spool: Path) -> int | None:
    """Return how many messages were reported into a spool since it was made, delivered or not.

    None if there is no spool: the algorithm does not use this SDK.
    """
    try:
        status = query(spool)
        if status is None:
            return None
        return sum(
            int(status[name]) for name in ("delivered", "undelivered", "dropped", "dead_letters")
        )
    except (OSError, KeyError, TypeError, ValueError):
        return None


class DeliveryStatus:
    """Delivery of one spool, as of a moment ago; for views that are refreshed.

    Args:
        spool: its directory.
    """

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._asked = 0.0
        self.view: dict[str, Any] | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing is left to deliver, as far as is known."""
        return self.view is not None and not self.view["undelivered"]

    def refresh(self, force: bool = False) -> bool:
        """Ask if the last answer is old; return whether the answer changed.

        Raises:
            OSError: nobody may look there.
        """
        now = time.monotonic()
        if not force and self._asked and now - self._asked < REFRESH_INTERVAL_S:
            return False
        if not _is_there(self._spool):
            return False
        self._asked = now
        before = self._without_time()
        status = query(self._spool)
        self.view = _view(status) if status is not None else self.view
        return self._without_time() != before

    def _without_time(self) -> dict[str, Any] | None:
        return self.view and {k: v for k, v in self.view.items() if k not in ("at_ms", "oldest_s")}


def _exchange(process: subprocess.Popen[bytes], line: bytes, timeout: float) -> bytes:
    """Send a line, and return the one that comes back."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line)
    answer, deadline = b"", time.monotonic() + timeout
    while not answer.endswith(b"\n"):
        left = max(0.0, deadline - time.monotonic())
        if not wait_readable([process.stdout.fileno()], left):
            raise TimeoutError(f"dubhe status has not answered within {timeout:g} s")
        piece = process.stdout.read(65536)
        if not piece:
            raise ConnectionError("dubhe status has ended")
        answer += piece
    return answer


def _is_there(folder: Path) -> bool:
    """Return whether a folder exists; `Path.is_dir` would deny one that nobody may look at."""
    try:
        return stat.S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _view(status: dict[str, Any]) -> dict[str, Any]:
    return {
        "sidecar": status.get("sidecar", "unknown"),
        "sink": status.get("sink", ""),
        "delivered": status.get("delivered", 0),
        "undelivered": status.get("undelivered", 0),
        "undelivered_bytes": status.get("undelivered_bytes", 0),
        "oldest_s": status.get("oldest_age_seconds"),
        "retries": status.get("retries", 0),
        "dropped": status.get("dropped", 0),
        "dead_letters": status.get("dead_letters", 0),
        "last_error": status.get("last_error"),
        "warnings": status.get("warnings", []),
        "at_ms": time.time_ns() // 1_000_000,
    }
