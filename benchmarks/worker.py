"""A contestant's process that is told round by round what to do, by lines of JSON."""

from __future__ import annotations

import json
import selectors
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.processes import ContestantFailed, signal_group, spawn, stop, where

_READY_SECONDS = 120.0


class Worker:
    """Starts the process. Between its turns it may be frozen.

    A frozen contestant's background threads and helpers cannot disturb another one's round.

    Args:
        command: speaks one line of JSON when it is ready, and one after each request.
        log: name of its log.
        env: its environment.
    """

    def __init__(self, command: Sequence[object], log: str, env: Mapping[str, str]) -> None:
        self._log = log
        self._process = spawn(command, log, env, piped=True)
        self._pending = b""

    def ready(self) -> dict[str, Any]:
        """Wait until it is ready; return what it says of itself, and freeze it.

        Raises:
            ContestantFailed: it ended, or two minutes are over.
        """
        answer = self._answer(_READY_SECONDS)
        self.freeze()
        return answer

    def freeze(self) -> None:
        """Let neither it nor what it has started run."""
        signal_group(self._process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        signal_group(self._process, signal.SIGCONT)

    def ask(self, request: Mapping[str, Any]) -> None:
        """Hand a request over; `reply` waits for its end.

        Raises:
            ContestantFailed: it has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def reply(self, seconds: float = 60.0) -> dict[str, Any]:
        """Return the next line that it speaks.

        Raises:
            ContestantFailed: it ended, said what failed, or did not answer in time.
        """
        return self._answer(seconds)

    def close(self) -> None:
        """End it."""
        stop(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _answer(self, seconds: float) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while b"\n" not in self._pending:
                if not selector.select(seconds):
                    raise ContestantFailed(
                        f"no answer within {seconds:.0f} s; see {where(self._log)}"
                    )
                chunk = stdout.read1()  # type: ignore[attr-defined]
                if not chunk:
                    raise self._ended()
                self._pending += chunk
        line, self._pending = self._pending.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise ContestantFailed(f"{answer['failed']}; see {where(self._log)}")
        return answer

    def _ended(self) -> ContestantFailed:
        self.thaw()
        return ContestantFailed(
            f"ended with status {self._process.wait(10)}; see {where(self._log)}"
        )
