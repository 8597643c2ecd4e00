"""Starts the service parent's two children: web front and model."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from dubhe_sdk.autostart import PROCESS_VARIABLE
from dubhe_sdk.command import dubhe_command, support_command
from dubhe_sdk.service.channel import Channel


class Child:
    """A running child and the channel to it."""

    def __init__(self, process: subprocess.Popen[bytes], channel: Channel) -> None:
        self.process = process
        self.channel = channel

    @property
    def pid(self) -> int:
        """The child's PID."""
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """None while it lives, otherwise as in `subprocess.Popen.returncode`."""
        return self.process.poll()


def start_web(
    protocol: str, listener: socket.socket, run_dir: Path, concurrency: int, queue: int
) -> Child:
    """Start the web front on a socket that listens already and stays open over restarts."""
    fd = listener.fileno()
    options = [
        *("--protocol", protocol),
        *("--listen-fd", str(fd)),
        *("--model-socket", str(run_dir / "model.sock")),
        *("--concurrency", str(concurrency)),
        *("--queue", str(queue)),
    ]
    return _start([*support_command(), "web", *options], "web", [fd])


def start_model(app: Path, arguments: Sequence[str], run_dir: Path, concurrency: int) -> Child:
    """Start the model process in the algorithm's interpreter."""
    options = [
        *("--parent", str(os.getpid())),
        *("--run-dir", str(run_dir)),
        *("--concurrency", str(concurrency)),
    ]
    return _start([*dubhe_command(), "model", *options, str(app), *arguments], "model", [])


def _start(command: list[str], name: str, pass_fds: Sequence[int]) -> Child:
    ours, theirs = socket.socketpair()
    with theirs:
        # The options come right after the command's name, before the app and its arguments.
        at = command.index(name) + 1
        command[at:at] = ["--control-fd", str(theirs.fileno())]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno(), *pass_fds],
            # A session of its own: a signal to the group of run.sh reaches the parent alone,
            # which decides in which order things end.
            start_new_session=True,
            env={**os.environ, PROCESS_VARIABLE: name, "PYTHONUNBUFFERED": "1"},
        )
    sys.stdout.flush()
    return Child(process, Channel(ours))
