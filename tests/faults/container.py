"""One container: `dubhe launch` with a sidecar and a command, on a spool that outlives it.

Whenever it ends it is started again on the same spool, as a container runtime does.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from dubhe_sdk.process.command import dubhe_command
from dubhe_sidecar import status
from tests.dubhe_sdk.service.harness import APP_COMMAND, App
from tests.dubhe_sdk.spool.helpers import ROOT
from tests.faults import report_counter
from tests.faults.numbered_reports import COUNTERS_VARIABLE
from tests.support.waiting import wait_for

STATUS, RESULT = "status", "result"
_DUBHE = re.escape(" ".join(dubhe_command()))
_PYTHON = re.escape(sys.executable)
# How the command lines of each kind of process begin. The second way is `short.command_file`.
_ROLES = {
    "launch": rf"{_DUBHE} launch ",
    "service": rf"{_DUBHE} serve ",
    "model": rf"{_DUBHE} model ",
    "sidecar": rf"({_DUBHE}|{_PYTHON} -uc .*argv\[1:\]\)\)) sidecar\b",
    "web": rf"({_DUBHE}|{_PYTHON} -uc .*argv\[1:\]\)\)) web ",
    "writer": rf"{_PYTHON} -m tests\.faults\.writer_group\b",
    "rank": rf"{_PYTHON} -m tests\.faults\.rank\b",
}
_GONE_SECONDS = 30.0


def writer_command(*options: object) -> list[str]:
    """Return the command of a container without a service; see `tests.faults.writer_group`."""
    words = map(str, options)
    return [
        *dubhe_command(),
        "launch",
        "--",
        sys.executable,
        "-m",
        "tests.faults.writer_group",
        *words,
    ]


class FullPipe:
    """A pipe that is full, and that nobody reads: what it is the output of must not wait."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        os.set_blocking(self.writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writing, bytes(65536))
        os.set_blocking(self.writing, True)

    def close(self) -> None:
        """Close both ends."""
        os.close(self.writing)
        os.close(self._reading)


class Container:
    """Use as a context manager: at its end nothing of it lives any more.

    Args:
        folder: of its own.
        bootstrap: the broker.
        instance_id: who reports.
        command: what runs in it; none: the service of `tests.faults.algorithm`.
        protocol: ``http`` or ``tcp``.
        dubhe: the file that takes ``dubhe``'s place for sidecar and web; none: itself.
        topics: of status and results.
        env: further variables.
        console: whether its output is kept. If not, it is a pipe that is full and never read.
    """

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        instance_id: str,
        command: Sequence[str] = (),
        *,
        protocol: str = "tcp",
        dubhe: str = "",
        topics: tuple[str, str] = (STATUS, RESULT),
        env: dict[str, str] | None = None,
        console: bool = True,
    ) -> None:
        self.name = folder.name
        self.counters = folder / "counters"
        self.counters.mkdir(parents=True)
        self.spool = folder / "temporary" / "spool"
        self.topics: list[tuple[str, str]] = []
        self.starts = 0
        self._command = list(command)
        self._stopping = threading.Event()
        self._restarter: threading.Thread | None = None
        self._output = None if console else FullPipe()
        self._lock = threading.Lock()  # held while it is decided whether it starts again
        self._env = {
            "PLATFORM_TYPE": "1",
            "BOOTSTRAP_SERVERS": bootstrap,
            "PYTHONPATH": str(ROOT),
            "DUBHE_SHUTDOWN_TIMEOUT_SECONDS": "60",  # the drain at the end may take its time
            COUNTERS_VARIABLE: str(self.counters),
            **({"DUBHE_COMMAND": dubhe} if dubhe else {}),
            **(env or {}),
        }
        source = "" if command else (ROOT / "tests/faults/algorithm.py").read_text()
        self.app = App(folder, source, instance_id, protocol, self._env)
        self._use(topics)

    def __enter__(self) -> Container:
        self.app.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._stopping.set()
        self.app.marked.kill()
        if self._restarter is not None:
            self._restarter.join()
        self.app.__exit__(kind, error, trace)
        if self._output is not None:
            self._output.close()

    def start(self) -> Container:
        """Start it, once; it is not waited for."""
        output = None if self._output is None else self._output.writing
        self.app.start(self._command or APP_COMMAND, until=None, output=output)
        self.starts += 1
        return self

    def keep(self) -> Container:
        """Start it, and again whenever it has ended, until `stop`."""
        self.start()
        self._restarter = threading.Thread(
            target=self._restart_until_stopped, name=f"restarter of {self.name}"
        )
        self._restarter.start()
        return self

    def _restart_until_stopped(self) -> None:
        assert self.app.process is not None
        while True:
            self.app.process.wait()
            # Who is left of a service holds its port and ends in order. A sidecar that is left goes
            # on delivering; the next one stands by until it has ended.
            with contextlib.suppress(AssertionError):
                wait_for(self._is_over, "the container's end", _GONE_SECONDS)
            with self._lock:
                if self._stopping.is_set():
                    return
                self.start()

    def _is_over(self) -> bool:
        return self._stopping.is_set() or not (
            self.app.marked.living().keys() - set(self.pids("sidecar"))
        )

    def stop(self, timeout: float = 90.0) -> int:
        """End it in order, with everything delivered; return the exit status."""
        with self._lock:
            self._stopping.set()
            self.app.terminate()
        if self._restarter is not None:
            self._restarter.join()
        return self.app.wait(timeout)

    def pids(self, role: str) -> list[int]:
        """Return the PIDs of the living processes of a role, the oldest first."""
        living = self.app.marked.living()
        found = sorted(pid for pid, line in living.items() if re.match(_ROLES[role], line))
        return found[:1] if role == "model" else found  # what it has forked looks the same

    def kill(self, role: str, timeout: float = 20.0, which: int = 0) -> int:
        """Send SIGKILL to a process of a role, as soon as there is one; return its PID."""
        while True:
            pids = wait_for(lambda: self.pids(role), f"a {role} in {self.name}", timeout)
            pid = pids[which % len(pids)]
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return pid

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to the container parent, as soon as there is one."""
        while True:
            [pid, *_] = wait_for(lambda: self.pids("launch"), f"a launch in {self.name}", 20.0)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)
                return

    def kill_everything(self) -> int:
        """Send SIGKILL to all its processes; return how many there were."""
        living = self.app.marked.living()
        self.app.marked.kill()
        return len(living)

    def kill_in_large(self, least: int = 1024 * 1024, timeout: float = 20.0) -> int:
        """Kill a process in the middle of saying so many bytes or more; return its PID."""
        pids: list[int] = []

        def struck() -> bool:
            for pid in pids:
                path = report_counter.of_process(self.counters, pid)
                if path is not None and report_counter.read(path).in_call >= least:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        pids[:] = [pid]
                        return True
            pids[:] = self.pids("writer")
            return False

        wait_for(struck, f"a large message in {self.name}", timeout)
        return pids[0]

    def _use(self, topics: tuple[str, str]) -> None:
        self.topics.append(topics)
        self._env |= {"TOPIC_MODEL_STATUS": topics[0], "TOPIC_MODEL_RESULT": topics[1]}

    @contextlib.contextmanager
    def frozen(self, role: str, timeout: float = 20.0) -> Iterator[int]:
        """Stop the clock of a process of a role (SIGSTOP) within the block; yield its PID."""
        [pid, *_] = wait_for(lambda: self.pids(role), f"a {role} in {self.name}", timeout)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
        try:
            yield pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def use_topics(self, topics: tuple[str, str]) -> None:
        """Speak to other topics from the next start on."""
        self._use(topics)
        self.app.env.update(self._env)

    @property
    def report(self) -> status.SpoolStatus:
        """What the sidecar shows of the spool."""
        return status.inspect(self.spool)
