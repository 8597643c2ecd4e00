"""`Commands`: short commands that end, at the latest, with what they were asked about."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence


class Commands:
    """Runs commands, one at a time, until it is cancelled."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = False

    def run(
        self,
        command: Sequence[str],
        timeout: float,
        environment: Mapping[str, str] | None = None,
        *,
        check: bool = True,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command in the root folder, and return what it has printed.

        Args:
            command: it and its arguments.
            timeout: seconds after which it is killed.
            environment: its own; None: as this process's.
            check: whether another status than 0 is an error.

        Raises:
            OSError: it cannot be started.
            subprocess.SubprocessError: it fails, takes too long, or is cancelled.
        """
        with self._changing:
            if self._cancelled:
                raise subprocess.SubprocessError("the instance has ended meanwhile")
            process = self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, cwd="/", env=environment,
            )  # fmt: skip
        with process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        if self._cancelled:
            raise subprocess.SubprocessError("the instance has ended meanwhile")
        done = subprocess.CompletedProcess(command, process.returncode, out, err)
        if check:
            done.check_returncode()
        return done

    def cancel(self) -> None:
        """Kill what runs, and run nothing more. Afterwards nothing of it is left."""
        with self._changing:
            self._cancelled = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()
