"""An algorithm's folder and the service that ``python3 -u app.py`` in it becomes."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from dubhe_sdk.process.command import dubhe_command
from tests.support.clients import CLIENTS, HttpClient, TcpClient
from tests.support.environ import clean_environ
from tests.support.journal import read_journal, says
from tests.support.ports import reserved_port
from tests.support.processes import Marked, alive
from tests.support.waiting import TIMEOUT_SECONDS, wait_for

TRAIN_ID = "modelid1412-algorithm112345540-train-1412-4"
PREDICT_ID = "modelid1412-algorithm112345540-forecast-1412-4"
INFERENCE_ID = "modelid1412-algorithm112345540-inference-1412-4"

CONSOLE_SHOWN = 20_000  # characters, from the end
APP_COMMAND = (sys.executable, "-u", "app.py")


class App:
    """Use as a context manager: at its end nothing of it lives any more.

    Args:
        folder: where the algorithm lies.
        source: of ``app.py``.
        instance_id: empty for manual mode without one.
        protocol: ``http`` or ``tcp``.
        env: further variables.
    """

    def __init__(
        self,
        folder: Path,
        source: str = "",
        instance_id: str = TRAIN_ID,
        protocol: str = "tcp",
        env: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.temporary = folder / "temporary"
        self.instance_id = instance_id
        self.protocol = protocol
        self.marked = Marked()
        self._extra = env or {}
        self._reservation = reserved_port()
        self._clients: list[HttpClient | TcpClient] = []
        self.process: subprocess.Popen[bytes] | None = None
        if source:
            self.write("app.py", source)

    def __enter__(self) -> App:
        self.port = self._reservation.__enter__()
        self.env = clean_environ(
            DUBHE_TEMPORARY=str(self.temporary),
            PORT=str(self.port),
            protocol=self.protocol,
            INSTANCE_ID=self.instance_id,
            TMPDIR=str(self._made("tmp")),
            DUBHE_DRAIN_TIMEOUT_SECONDS="20",
            **self.marked.env,
        )
        self.env.update(self._extra)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.close()
        self.marked.kill()
        if self.process is not None:
            self.process.wait()
        self._reservation.__exit__(None, None, None)
        if error is not None and self.console:
            sys.stderr.write(f"--- console of {self.folder}:\n{self.console[-CONSOLE_SHOWN:]}\n")

    def _made(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def write(self, name: str, source: str) -> None:
        """Write a file of the algorithm."""
        (self.folder / name).write_text(textwrap.dedent(source), "utf-8")

    # --- life ---------------------------------------------------------------------------------

    def start(
        self,
        command: Sequence[str] = APP_COMMAND,
        *,
        until: str | None = "READY",
        output: int | None = None,
    ) -> App:
        """Start it, and wait for a message such as READY; None: do not wait.

        Args:
            command: what is started.
            until: the message.
            output: a descriptor for stdout and stderr in place of `console`.
        """
        with (self.folder / "console.txt").open("ab") as console:
            self.process = subprocess.Popen(
                list(command),
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=console if output is None else output,
                stderr=console if output is None else output,
                start_new_session=True,
            )
        if until is not None:
            self.wait_reported(until)
        return self

    @property
    def pid(self) -> int:
        """PID of what was started: the container parent."""
        assert self.process is not None
        return self.process.pid

    @property
    def console(self) -> str:
        """What was written to stdout and stderr."""
        path = self.folder / "console.txt"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    @property
    def log(self) -> str:
        """``dubhe.log``."""
        path = self.temporary / "log" / "dubhe.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def pid_of(self, part: str) -> int:
        """Return the PID of the oldest process that runs ``dubhe PART``."""

        def oldest() -> int:
            return min(self.pids_of(part), default=0)

        return wait_for(oldest, lambda: f"{part} in {self.marked.living()}")

    def pids_of(self, part: str) -> list[int]:
        """Return the PIDs of all processes that run ``dubhe PART``."""
        executable, *_, script = dubhe_command()
        found = []
        for pid, line in self.marked.living().items():
            before, _, after = line.partition(f" {script} ")  # options of Python's may lie between
            if before.split(" ")[0] == executable and after.split(" ")[0] == part:
                found.append(pid)
        return found

    def terminate(self) -> None:
        """Send SIGTERM to what was started."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout: float = TIMEOUT_SECONDS) -> int:
        """Wait for its end; return the exit status."""
        assert self.process is not None
        return self.process.wait(timeout)

    def wait_gone(self) -> None:
        """Wait until no process of it lives."""
        wait_for(lambda: not self.marked.living(), lambda: f"the end of {self.marked.living()}")

    def wait_file(self, name: str, timeout: float = TIMEOUT_SECONDS) -> str:
        """Wait for a file that the algorithm writes; return its text, which is not empty."""
        path = self.folder / name
        return wait_for(
            lambda: path.exists() and path.read_text(),
            lambda: f"{name}\n{self.console}",
            timeout,
        )

    def wait_dead(self, pid: int) -> None:
        """Wait until a process is gone."""
        wait_for(lambda: not alive(pid), f"the end of process {pid}")

    # --- messages -----------------------------------------------------------------------------

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The journal's lines so far."""
        return read_journal(self.temporary / "journal")

    @property
    def reported(self) -> list[str]:
        """The journal in short words."""
        return [says(message) for message in self.messages]

    @property
    def data(self) -> list[Any]:
        """``data`` of the messages so far."""
        return [message["value"]["data"] for message in self.messages]

    def ends(self) -> list[dict[str, Any]]:
        """``data`` of every END so far."""
        return [message["value"]["data"] for message in self.messages if says(message)[:3] == "END"]

    def wait_reported(self, word: str, count: int = 1, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until the journal holds so many messages that begin with a word."""

        def enough() -> bool:
            if sum(said.startswith(word) for said in self.reported) >= count:
                return True
            dead = self.process is not None and self.process.poll() is not None
            if dead and sum(said.startswith(word) for said in self.reported) < count:
                raise AssertionError(f"ended before {word!r}: {self.reported}\n{self.console}")
            return False

        wait_for(enough, lambda: f"{count} {word!r}; said {self.reported}\n{self.console}", timeout)

    # --- requests -----------------------------------------------------------------------------

    def client(self) -> HttpClient | TcpClient:
        """Return a new connection."""
        client = CLIENTS[self.protocol](self.port)
        self._clients.append(client)
        return client

    def send(self, req_type: int, **fields: Any) -> dict[str, Any]:
        """Send a request on a connection of its own; return the reply."""
        request = {"req_type": req_type, "instance_id": self.instance_id, **fields}
        client = CLIENTS[self.protocol](self.port)
        try:
            return client.send(request)
        finally:
            client.close()

    def train(self, **fields: Any) -> dict[str, Any]:
        """Ask for a training."""
        return self.send(1, **{"data_paths": [], **fields})

    def predict(self, **fields: Any) -> dict[str, Any]:
        """Ask for an evaluation."""
        return self.send(2, **{"data_paths": [], **fields})

    def infer(self, **fields: Any) -> dict[str, Any]:
        """Ask for an inference."""
        return self.send(3, **{"image_names": [], **fields})
