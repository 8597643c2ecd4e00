"""A running container of an algorithm, seen as the platform and an operator see it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import docker
from docker.errors import APIError, NotFound

from tests.support.clients import CLIENTS, HttpClient, TcpClient
from tests.support.journal import read_journal, says
from tests.support.waiting import wait_for

TRAIN_ID = "modelid1412-algorithm112345540-train-1412-4"
INFERENCE_ID = "modelid1412-algorithm112345540-inference-1412-4"
SERVICE_PORT = 8030
START_TIMEOUT_S = 60.0


class Container:
    """Use as a context manager: at its end the container is gone.

    Args:
        client: of the engine.
        image: what to run.
        temporary: a folder of the host for ``/temporary``; None: it stays in the container.
        protocol: what the algorithm's ``run.sh`` exports.
        environment: variables.
        options: further keyword arguments of docker-py's ``containers.run``.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        image: str,
        temporary: Path | None = None,
        *,
        protocol: str = "http",
        environment: dict[str, str] | None = None,
        command: Sequence[str] | None = None,
        **options: Any,
    ) -> None:
        self._client = client
        self._image = image
        self._temporary = temporary
        self._protocol = protocol
        self._command = list(command) if command else None
        self._environment = {"INSTANCE_ID": TRAIN_ID, **(environment or {})}
        self._options = options
        self._client_of_service: HttpClient | TcpClient | None = None

    def __enter__(self) -> Container:
        options = dict(self._options)
        volumes = options.pop("volumes", [])
        if self._temporary is not None:
            self._temporary.mkdir(exist_ok=True)
            volumes = [f"{self._temporary}:/temporary", *volumes]
        if options.get("network_mode") != "host":
            options["ports"] = {f"{SERVICE_PORT}/tcp": ("127.0.0.1", None)}
        self.container = self._client.containers.run(
            self._image,
            self._command,
            detach=True,
            environment=self._environment,
            volumes=volumes,
            **options,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client_of_service is not None:
            self._client_of_service.close()
        if error is not None:
            sys.stderr.write(f"--- {self._image}:\n{self.logs}\n")
        try:
            self.container.remove(force=True, v=True)
        except NotFound:
            return

    @property
    def logs(self) -> str:
        """What it wrote to stdout and stderr."""
        return self.container.logs().decode("utf-8", "replace")

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What arrived in the embedded journal."""
        assert self._temporary is not None
        return read_journal(self._temporary / "journal")

    @property
    def reported(self) -> list[str]:
        """The same, each in a word."""
        return [says(message) for message in self.messages]

    @property
    def end(self) -> dict[str, Any]:
        """The data of the only END."""
        (end,) = [m["value"]["data"] for m in self.messages if says(m).startswith("END")]
        return end

    def wait_reported(self, word: str, count: int = 1) -> None:
        """Wait until the journal has a message so many times."""
        wait_for(
            lambda: self.reported.count(word) >= count,
            lambda: f"{word} in {self.reported[-20:]}; console:\n{self.logs}",
            START_TIMEOUT_S,
        )

    def wait_logged(self, text: str) -> None:
        """Wait until the console has a text."""
        wait_for(lambda: text in self.logs, lambda: f"{text!r} in:\n{self.logs}", START_TIMEOUT_S)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request over the algorithm's protocol."""
        if self._client_of_service is None:
            self._client_of_service = CLIENTS[self._protocol](self.port)
        return self._client_of_service.send({"instance_id": TRAIN_ID, **request})

    def train(self) -> None:
        """Have it train."""
        reply = self.ask({"req_type": 1, "data_paths": ["/data"]})
        assert reply == {"flag": 1, "message": "model train starting now"}

    @property
    def port(self) -> int:
        """The port on the host's loopback."""
        if self._options.get("network_mode") == "host":
            return int(self._environment["PORT"])
        self.container.reload()
        (published,) = self.container.ports[f"{SERVICE_PORT}/tcp"]
        return int(published["HostPort"])

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command in it; return its status and what it wrote."""
        status, output = self.container.exec_run(list(command))
        return status, output.decode("utf-8", "replace")

    def pids_of(self, part: str) -> list[int]:
        """Return the PIDs, as the host has them, of processes with a text in their command line."""
        try:
            rows = self.container.top(ps_args="-eo pid,args")["Processes"]
        except APIError:  # it has ended
            return []
        return [int(pid) for pid, line in rows if part in line]

    def stop(self, seconds: int = 10) -> int:
        """``docker stop``; return the exit status."""
        self.container.stop(timeout=seconds)
        return self.wait()

    def kill(self) -> int:
        """``docker kill``; return the exit status."""
        self.container.kill()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; return the exit status."""
        return int(self.container.wait(timeout=START_TIMEOUT_S)["StatusCode"])
