"""`DeathDescriber`: why a child died, and above all whether memory ran out."""

from __future__ import annotations

import signal

from dubhe_sdk import environment
from dubhe_sdk.process import memory, tree


class DeathDescriber:
    """Compares the kernel's count of OOM kills at each death with the one before."""

    def __init__(self) -> None:
        self._oom_kills = memory.oom_kills()

    def describe(self, returncode: int) -> str:
        """Return how a process ended, and for SIGKILL who probably sent it.

        Args:
            returncode: as in `subprocess.Popen.returncode`.
        """
        how = tree.describe_exit(returncode)
        if returncode != -signal.SIGKILL:
            return how
        before, self._oom_kills = self._oom_kills, memory.oom_kills()
        if before is None or self._oom_kills is None:
            return f"{how} (probably the container ran out of memory)"
        if self._oom_kills == before:
            # Who sent it cannot be seen; a process may also have killed itself.
            return f"{how} (by itself or another process: none here was killed for memory)"
        limit = memory.limit_bytes()
        bound = "" if limit is None else f"; its limit is {limit // environment.MIB} MiB"
        return f"{how} (the container ran out of memory{bound})"
