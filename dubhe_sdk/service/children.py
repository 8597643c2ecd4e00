"""Starts the service parent's children: the web front and the model processes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dubhe_sdk.autostart import PROCESS_VARIABLE
from dubhe_sdk.ipc.channel import Channel
from dubhe_sdk.process.backoff import RestartBackoff
from dubhe_sdk.process.command import algorithm_command, support_command, support_environ

# The number of a model process, from 0; 0 if there is only one. For the algorithm, which may
# choose a GPU by it.
WORKER_VARIABLE = "DUBHE_WORKER_INDEX"


_RESTART_DELAYS_SECONDS = (0.2, 0.5, 1, 2, 5, 10, 30)
_STABLE_SECONDS = 60.0


def restart_backoff() -> RestartBackoff:
    """Return the backoff of one child of the service parent."""
    return RestartBackoff(_RESTART_DELAYS_SECONDS, _STABLE_SECONDS)


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
    protocol: str,
    listener: socket.socket,
    sockets: Sequence[Path],
    concurrency: int,
    queue: int,
) -> Child:
    """Start the web front on a socket that listens already and stays open over restarts."""
    fd = listener.fileno()
    options = [
        *("--protocol", protocol),
        *("--listen-fd", str(fd)),
        *(word for path in sockets for word in ("--model-socket", str(path))),
        *("--concurrency", str(concurrency)),
        *("--queue", str(queue)),
    ]
    return _start([*support_command(), "web", *options], "web", [fd], support_environ())


def socket_of(run_dir: Path, index: int) -> Path:
    """Return where a model process listens for inferences."""
    return run_dir / f"model-{index}.sock"


def start_model(
    app: Path, module: str, arguments: Sequence[str], run_dir: Path, concurrency: int, index: int
) -> Child:
    """Start a model process in the algorithm's interpreter."""
    options = [
        *("--parent", str(os.getpid())),
        *("--run-dir", str(run_dir)),
        *("--socket", str(socket_of(run_dir, index))),
        *("--concurrency", str(concurrency)),
        *("--module", module),
    ]
    command = [*algorithm_command(), "model", *options, str(app), *arguments]
    return _start(command, "model", [], {**os.environ, **_home(), WORKER_VARIABLE: str(index)})


def _home() -> dict[str, str]:
    """Return a home folder for a user who has none; libraries ask for it when they are imported.

    It is the one that container runtimes give to a user whom the image does not know.
    """
    try:
        Path.home()
    except RuntimeError:
        return {"HOME": "/"}
    return {}


def _start(command: list[str], name: str, pass_fds: Sequence[int], env: Mapping[str, str]) -> Child:
    ours, theirs = socket.socketpair()
    with theirs, contextlib.ExitStack() as at_failure:
        at_failure.callback(ours.close)
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
            env={**env, PROCESS_VARIABLE: name, "PYTHONUNBUFFERED": "1"},
        )
        at_failure.pop_all()
    sys.stdout.flush()
    return Child(process, Channel(ours))
