"""A contestant's processes: those that report, and what delivers for them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import Signals
from typing import Any

from benchmarks.environments import ROOT
from benchmarks.processes import ContestantFailed, signal_group, spawn, stop, where
from benchmarks.reporting.contestants import Contestant
from benchmarks.worker import Worker

SIDECAR = ("-m", "dubhe_sdk.cli.bin.dubhe", "sidecar")


@dataclass(frozen=True)
class Turn:
    """What one turn of a contestant gave, over all its processes."""

    ns: list[float]
    """Times of calls, or as many of them as stand for all."""
    calls: int
    cpu_ns: float


class Team:
    """Starts a contestant's processes. All of them are frozen between turns.

    Args:
        contestant: who.
        pythons: interpreters by contestant; the sidecar runs in ours.
        folder: where its files go; each process has one below it, but ours share their spool.
        env: for all of them.
        processes: how many report at once.
    """

    def __init__(
        self,
        contestant: Contestant,
        pythons: Mapping[str, Path],
        folder: Path,
        env: Mapping[str, str],
        processes: int,
    ) -> None:
        self._name = contestant.name
        self._sidecar: subprocess.Popen[bytes] | None = None
        self._workers: list[Worker] = []
        python = pythons[contestant.name]
        for index in range(processes):
            own = folder / str(index)
            own.mkdir(parents=True)
            command = [python, "-m", "benchmarks.reporting.loop", contestant.module, own]
            self._workers.append(Worker(command, f"reporting-{self._name}", env))
        if contestant.module == "ours":
            command = [pythons["ours"], *SIDECAR]
            self._sidecar = spawn(command, "reporting-sidecar", env)

    def ready(self) -> None:
        """Wait until all are ready.

        Raises:
            ContestantFailed: one is not.
        """
        for worker in self._workers:
            worker.ready()
        self._signal_sidecar(Signals.SIGSTOP)

    def turn(self, request: Mapping[str, Any]) -> Turn:
        """Let all processes work on a request at the same time.

        Raises:
            ContestantFailed: one ended, did not answer, or the sidecar ended.
        """
        self._signal_sidecar(Signals.SIGCONT)
        for worker in self._workers:
            worker.thaw()
        for worker in self._workers:
            worker.ask(request)
        answers = [worker.reply() for worker in self._workers]
        for worker in self._workers:
            worker.freeze()
        self._signal_sidecar(Signals.SIGSTOP)
        return Turn(
            [value for answer in answers for value in answer["ns"]],
            sum(answer["calls"] for answer in answers),
            sum(answer["cpu_ns"] for answer in answers),
        )

    def close(self) -> None:
        """End all of them."""
        for worker in self._workers:
            worker.close()
        if self._sidecar is not None:
            stop(self._sidecar)

    def _signal_sidecar(self, number: Signals) -> None:
        if self._sidecar is None:
            return
        if self._sidecar.poll() is not None:
            raise ContestantFailed(
                f"the sidecar ended with status {self._sidecar.returncode}; "
                f"see {where('reporting-sidecar')}"
            )
        signal_group(self._sidecar, number)


_FRAME = """
import sys
from pathlib import Path
from benchmarks.reporting.peers.ours import prepare
report = prepare("")
report(0)
segment = next(Path(sys.argv[1], "spool").glob("*.seg"))
before = segment.stat().st_size
report(1)
print(segment.stat().st_size - before)
"""


def frame_bytes(python: Path, env: Mapping[str, str]) -> int:
    """Return how many bytes one call of ours appends. The first call's segment has a header."""
    done = subprocess.run(
        [python, "-c", _FRAME, env["DUBHE_TEMPORARY"]],
        stdout=subprocess.PIPE,
        check=True,
        env=dict(env),
        cwd=ROOT,
    )
    return int(done.stdout)
