"""One running instance of an algorithm, started as the platform starts a container."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from dubhe_sdk.contract.kind import TaskKind
from dubhe_simulator import interrupts
from dubhe_simulator.algorithm.layout import Algorithm
from dubhe_simulator.instances.base import GRACE_S, ExitInfo, Instance, wait_for_exit
from dubhe_simulator.instances.provenance.commands import Commands
from dubhe_simulator.instances.provenance.local import local_provenance
from dubhe_simulator.instances.provenance.record import Provenance

HOST = "127.0.0.1"
# …and after one or two signals to the platform itself: somebody is waiting for their prompt.
GRACES_S = (GRACE_S, 5.0, 0.0)

# The latest ones: far fewer than the kernel chooses from.
_given_out: deque[int] = deque(maxlen=1000)
_giving_out = threading.Lock()
_TRIES = 100

# What decides how the SDK runs comes from the platform alone, never from the caller's shell.
_OURS = frozenset(
    {
        "PLATFORM_TYPE",
        "PORT",
        "protocol",
        "BOOTSTRAP_SERVERS",
        "INSTANCE_ID",
        "model_path",
        "DUBHE_SPOOL_DIR",
        "DUBHE_PROCESS",  # would tell the algorithm that a service is above it already
    }
)


class LocalInstance(Instance):
    """An instance. Use it as a context manager: leaving it ends the instance.

    Args:
        algorithm: what to start.
        kind: the kind of task.
        instance_id: its identity; the third part must fit the kind.
        folder: for its log, spool, journal and intermediate results; it is created.
        environment: further variables.
    """

    engine = "process"

    def __init__(
        self,
        algorithm: Algorithm,
        kind: TaskKind,
        instance_id: str,
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(kind, instance_id, folder.absolute())
        self.algorithm = algorithm
        self.protocol = algorithm.protocol
        self.port = free_port()
        self._environment = environment
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._exit_info: ExitInfo | None = None
        self._inspections = Commands()

    @property
    def address(self) -> tuple[str, int]:
        """See `Instance.address`."""
        return HOST, self.port

    def start(self) -> None:
        """Start it. Its address is `HOST` and `port` as soon as it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        supervisor = Path(__file__).with_name("supervisor.py")
        # Isolated (-I) and without site-packages (-S): nothing of the caller's can break it.
        command = [sys.executable, "-I", "-S", str(supervisor), str(self.console), str(GRACE_S)]
        with interrupts.deferred():  # or nobody would hold on to the supervisor
            self._supervisor = subprocess.Popen(
                [*command, *self.algorithm.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=self.algorithm.folder,
                env=self._full_environment(),
                start_new_session=True,  # a terminal's Ctrl-C is for the platform alone
            )

    def ended(self) -> ExitInfo | None:
        """See `Instance.ended`."""
        if (
            self._exit_info is None
            and self._supervisor is not None
            and self._supervisor.poll() is not None
        ):
            self._exit_info = self._read_exit_info(self._supervisor)
        return self._exit_info

    def stop(self) -> ExitInfo:
        """See `Instance.stop`. The supervisor leaves nothing behind."""
        if self._supervisor is None:
            return ExitInfo(0)
        with interrupts.deferred():
            self._send(b"T")
            return wait_for_exit(self.ended, lambda: self._send(b"K"), GRACES_S)

    def provenance(self) -> Provenance:
        """See `Instance.provenance`."""
        assert self._supervisor is not None
        return local_provenance(
            self.algorithm, self._supervisor.pid, self._full_environment(), self._inspections
        )

    def cancel_provenance(self) -> None:
        """See `Instance.cancel_provenance`."""
        self._inspections.cancel()

    def _send(self, word: bytes) -> None:
        assert self._supervisor is not None and self._supervisor.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # it has ended by itself
            self._supervisor.stdin.write(word)
            self._supervisor.stdin.flush()

    @staticmethod
    def _read_exit_info(supervisor: subprocess.Popen[bytes]) -> ExitInfo:
        assert supervisor.stdout is not None and supervisor.stdin is not None
        raw = supervisor.stdout.read()
        supervisor.stdout.close()
        with contextlib.suppress(OSError):
            supervisor.stdin.close()
        if not raw:  # the supervisor could not start the command, or somebody killed it
            return ExitInfo(supervisor.returncode or 1)
        report = json.loads(raw)
        return ExitInfo(report["status"], report["killed"], tuple(report["stragglers"]))

    def _full_environment(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if name not in _OURS}
        # run.sh says `python3`: that has to be the interpreter that has the SDK.
        env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
        env.update(
            INSTANCE_ID=self.id,
            PORT=str(self.port),
            protocol=self.algorithm.protocol,
            DUBHE_TEMPORARY=str(self.folder),
        )
        env.update(self._environment)
        return env


def free_port() -> int:
    """Return a port that is free on all interfaces at this moment, and was not given out lately.

    Who got one listens a while later; until then it looks free, and the next one would get it too.
    """
    with _giving_out:
        for _ in range(_TRIES):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
                sock.bind(("", 0))
                port: int = sock.getsockname()[1]
            if port not in _given_out:
                break  # else, after many tries, the machine has few ports
        _given_out.append(port)
        return port
